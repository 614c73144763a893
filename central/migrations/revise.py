"""For developers: write the newest revision anew, as the difference between the one before and the models of today.

    python -m central.migrations revise

The newest revision is that of the version in the making; once it is released, give the next one a number in `Tree`.
What no comparison can know, such as moving rows, stands in a module of `central.migrations.extras`, with
`before()`, `move()` (everything new is there, nothing old is gone yet) and `after()`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from alembic.autogenerate import api, compare_metadata, produce_migrations
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Boolean, Connection, DefaultClause, Engine, MetaData, create_engine
from sqlalchemy import text as sql
from sqlalchemy.sql.schema import Column
from sqlalchemy.types import TypeDecorator

from central.migrations import Tree
from central.migrations.running import upgrade

_HEAD = '''"""{about}

Written by `python -m central.migrations revise`; change the models or the extras instead.
"""

from __future__ import annotations
{imports}
revision = "{revision}"
down_revision = {down}


def upgrade() -> None:
{calls}
'''
_ABOUT = {"0001": "The tables as version 0.1.0 made them."}


def revise(tree: Tree) -> Path:
    """Write the tree's newest revision; returns its file."""
    with TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/before.sqlite")
        for earlier in tree.revisions[:-1]:  # apart from the newest, which may be broken: that is why it is made anew
            shutil.copy(_file(tree, earlier), folder)
        upgrade(engine, tree, scripts=Path(folder))
        with engine.connect() as connection:
            changes = difference(connection, models(tree))
        engine.dispose()
    file = _file(tree, tree.newest)
    file.write_text(_source(tree, changes))
    return file


def _file(tree: Tree, revision: str) -> Path:
    return tree.folder / f"revision_{revision}.py"


def models(tree: Tree) -> MetaData:
    """The tables of today."""
    if tree.name == "authority":
        return import_module("central.authority.tables").AuthorityTable.metadata  # type: ignore[no-any-return]
    database = import_module("central.database")
    database.load_tables()
    return database.CentreTable.metadata  # type: ignore[no-any-return]


def difference(connection: Connection, metadata: MetaData) -> list[ops.MigrateOperation]:
    """What would have to be done to this database to make it what the models say."""
    script = produce_migrations(MigrationContext.configure(connection, opts=_OPTIONS), metadata)
    return list(script.upgrade_ops.ops) if script.upgrade_ops else []


def differences_in_words(engine: Engine, metadata: MetaData) -> list[str]:
    """The same for people: empty when models and database agree."""
    with engine.connect() as connection:
        return [repr(one) for one in compare_metadata(MigrationContext.configure(connection, opts=_OPTIONS), metadata)]


def _source(tree: Tree, changes: list[ops.MigrateOperation]) -> str:
    adding, removing = _parted(changes)
    extras = tree.folder.parent / "extras" / f"{tree.name}_{tree.newest}.py"
    first = len(tree.revisions) == 1
    functions: dict[str, str] = {}
    stages = [_functions(adding, functions, first=first), _functions(removing, functions, first=first)]
    calls = [f"{name}()" for name in stages[0]]
    code = "".join(functions.values())
    imports = (
        "\nimport sqlalchemy as sa" * ("sa." in code) + "\nfrom alembic import op" * ("op." in code) + "\n" * bool(code)
    )
    if extras.exists():
        imports += f"\nfrom central.migrations.extras import {extras.stem} as extras\n"
        calls = ["extras.before()", *calls, "extras.move()", *(f"{n}()" for n in stages[1]), "extras.after()"]
    else:
        calls += [f"{name}()" for name in stages[1]]
    down = "None" if first else f'"{tree.revisions[-2]}"'
    about = _ABOUT.get(tree.newest, f"From revision {tree.revisions[-2] if not first else 'nothing'} to the models.")
    body = "\n".join(f"    {call}" for call in calls or ["pass"])
    head = _HEAD.format(about=about, imports=imports, revision=tree.newest, down=down, calls=body)
    return head + "".join(f"\n\ndef {name}() -> None:\n{code}\n" for name, code in functions.items())


def _functions(changes: Iterable[ops.MigrateOperation], functions: dict[str, str], *, first: bool) -> list[str]:
    names = []
    for change in changes:
        for one in [change, *getattr(change, "ops", [])] if first else []:
            one.if_not_exists = True  # a database of that version was made without revisions: this recognises it
        code = api.render_python_code(
            ops.UpgradeOps([change]), render_as_batch=not first, render_item=_plain, migration_context=_CONTEXT
        )
        lines = [line.rstrip() for line in code.splitlines() if line.strip() and "# ###" not in line]
        word = type(change).__name__.removesuffix("Op").removesuffix("Ops")
        name = base = re.sub(r"(?<!^)(?=[A-Z])", "_", f"_{word}").lower().replace("__", "_") + f"_{change.table_name}"  # type: ignore[attr-defined]
        number = 2
        while name in functions:
            name, number = f"{base}_{number}", number + 1
        functions[name] = "\n".join(_laid_out(lines))
        names.append(name)
    return names


def _laid_out(lines: list[str]) -> list[str]:
    """As our formatter would: double quotes, and what stands in brackets further in."""
    lines = [re.sub(r"(?<!\()'(\w+)'|(?<=Column\()'(\w+)'|(?<=[a-z]\()'(\w+)'", r'"\1\2\3"', line) for line in lines]
    if not lines[0].endswith(","):
        return lines
    call, first = lines[0].split("(", 1)
    inner = [first, *(line.strip() for line in lines[1:-1])]
    return [f"{call}(", *(f"        {line.rstrip(',')}," for line in inner), lines[-1]]


def _parted(changes: list[ops.MigrateOperation]) -> tuple[list[ops.MigrateOperation], list[ops.MigrateOperation]]:
    """What adds, and what removes or makes stricter: between the two, rows can be moved."""
    adding: list[ops.MigrateOperation] = []
    removing: list[ops.MigrateOperation] = []
    for change in changes:
        if not isinstance(change, ops.ModifyTableOps):
            (removing if isinstance(change, ops.DropTableOp) else adding).append(change)
            continue
        more = [one for one in change.ops if isinstance(one, ops.AddColumnOp | ops.CreateIndexOp)]
        less = [one for one in change.ops if one not in more]
        less += [strict for one in more if isinstance(one, ops.AddColumnOp) and (strict := _survivable(one))]
        adding += [ops.ModifyTableOps(change.table_name, more)] if more else []
        removing += [ops.ModifyTableOps(change.table_name, less)] if less else []
    return adding, removing


def _survivable(added: ops.AddColumnOp) -> ops.AlterColumnOp | None:
    """Give a new column what old rows shall hold; without a plain default it is filled by the extras, then required."""
    column: Column[Any] = added.column.copy() if hasattr(added.column, "copy") else added.column
    added.column = column
    if column.nullable or column.server_default is not None:
        return None
    default = getattr(column.default, "arg", None)
    if isinstance(default, bool):
        column.server_default = _default("true" if default else "false")
    elif isinstance(default, int | float):
        column.server_default = _default(str(default))
    elif isinstance(default, str):
        column.server_default = _default("'" + default.replace("'", "''") + "'")
    else:
        column.nullable = True
        return ops.AlterColumnOp(
            added.table_name, column.name, existing_type=column.type, modify_nullable=False, existing_nullable=True
        )
    return None


def _default(text: str) -> Any:
    return DefaultClause(sql(text))


def _plain(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Our own types as what lies beneath: a revision must not change when they do."""
    if kind != "type":
        return False
    if isinstance(item, TypeDecorator):
        item = item.impl_instance
    if type(item).__module__.startswith("sqlalchemy") and not isinstance(item, Boolean):
        return f"sa.{item!r}"
    return False


def _same_type(_context: Any, _inspected: Any, _model: Any, is_type: Any, model_type: Any) -> bool | None:
    """Whether a column's type differs: SQLite keeps no more than names of types."""
    return None


_OPTIONS: dict[str, Any] = {"compare_type": _same_type, "render_as_batch": True}
_CONTEXT = MigrationContext.configure(dialect_name="sqlite", opts=_OPTIONS)
