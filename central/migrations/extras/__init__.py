"""What no comparison of models can know: moving rows, triggers. One module a revision; the revision calls it.

`before()` runs on the old tables, `move()` when everything new is there and nothing old is gone yet, `after()` last.
"""
