"""For developers: write the newest revision anew, as the difference between the one before and the models of today.

    python -m central.migrations revise

The newest revision is that of the version in the making; once it is released, give the next one a number in `Tree`.
What no comparison can know, such as moving rows, stands in a module of `central.migrations.extras`, with
`before()`, `move()` (everything new is there, nothing old is gone yet) and `after()`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from alembic.autogenerate import api, compare_metadata, produce_migrations
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Boolean, Connection, DefaultClause, Engine, MetaData, create_engine
from sqlalchemy import text as sql
from sqlalchemy.types import TypeDecorator

from central.migrations.running import upgrade
from central.migrations.trees import Tree

LINE = 120
_HEAD = '''"""From revision {before} to the models.

Written by `python -m central.migrations revise`; change the models or the extras instead.
"""

from __future__ import annotations

{imports}

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
{calls}
'''


def revise(tree: Tree) -> Path:
    """Write the tree's newest revision; returns its file."""
    file = _file(tree, tree.newest)
    file.write_text(source(tree))
    return file


def source(tree: Tree) -> str:
    """The newest revision as it ought to be."""
    with TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/before.sqlite")
        for earlier in tree.revisions[:-1]:  # apart from the newest, which may be broken: that is why it is made anew
            shutil.copy(_file(tree, earlier), folder)
        upgrade(engine, tree, scripts=Path(folder))
        with engine.connect() as connection:
            changes = difference(connection, models(tree))
        engine.dispose()
    return _source(tree, changes)


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
    functions: dict[str, str] = {}
    before, after = _functions(adding, functions), _functions(removing, functions)
    used = "".join(functions.values())
    imports = ["import sqlalchemy as sa"] * ("sa." in used) + ["from alembic import op"] * ("op." in used)
    calls = [f"{name}()" for name in before + after]
    extras = tree.folder.parent / "extras" / f"{tree.name}_{tree.newest}.py"
    if extras.exists():
        imports += ["" * bool(imports), f"from central.migrations.extras import {extras.stem} as extras"]
        calls = ["extras.before()", *calls[: len(before)], "extras.move()", *calls[len(before) :], "extras.after()"]
    head = _HEAD.format(
        imports="\n".join(imports),
        before=tree.revisions[-2],
        revision=tree.newest,
        calls="\n".join(f"    {call}" for call in calls or ["pass"]),
    )
    return head + "".join(f"\n\ndef {name}() -> None:\n{code}\n" for name, code in functions.items())


def _functions(changes: Iterable[ops.MigrateOperation], functions: dict[str, str]) -> list[str]:
    """Enter a function for each change; returns their names."""
    names = []
    for change in changes:
        code = api.render_python_code(
            ops.UpgradeOps([change]), render_as_batch=True, render_item=_plain, migration_context=_CONTEXT
        )
        lines = [line.rstrip() for line in code.splitlines() if line.strip() and "# ###" not in line]
        name = _name(change, functions)
        functions[name] = "\n".join(_laid_out(lines))
        names.append(name)
    return names


def _name(change: Any, taken: Mapping[str, str]) -> str:
    act = {"CreateTableOp": "make", "DropTableOp": "drop"}.get(type(change).__name__, "change")
    return next(
        name for again in ("", "_again", "_once_more") if (name := f"_{act}_{change.table_name}{again}") not in taken
    )


def _laid_out(lines: list[str]) -> list[str]:
    """As our formatter would: double quotes, and what stands in brackets further in."""
    lines = [re.sub(r"(?<!\()'(\w+)'|(?<=Column\()'(\w+)'|(?<=[a-z]\()'(\w+)'", r'"\1\2\3"', line) for line in lines]
    if not lines[0].endswith(","):
        return [line + "  # noqa: E501" * (len(line) > LINE) for line in lines]
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
        less = sorted((one for one in change.ops if one not in more), key=lambda one: str(one.to_diff_tuple()))
        less += [strict for one in more if isinstance(one, ops.AddColumnOp) and (strict := _survivable(one))]
        adding += [ops.ModifyTableOps(change.table_name, more)] if more else []
        removing += [ops.ModifyTableOps(change.table_name, less)] if less else []
    return adding, removing


def _survivable(added: ops.AddColumnOp) -> ops.AlterColumnOp | None:
    """Give a new column what old rows shall hold; without a plain default it is filled by the extras, then required."""
    added.column = column = added.column._copy()  # the model itself stays as it is
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
