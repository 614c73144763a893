"""Pages for tracers: rendered here, read without JavaScript and without internet, audited as reads of the API are."""
