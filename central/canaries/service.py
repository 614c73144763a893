"""Seal a canary each day, keep what the authorities state, and try every canary: the evidence that days are gone."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from central.audit.service import record
from central.authority.client import Releases
from central.authority.day_secrets import SecretDestroyed
from central.authority.registry import CANARY_CELL
from central.authority.released import Recipient, open_released
from central.authority.service import canary_epoch
from central.authority.statements import Destruction, check_destruction
from central.canaries.sealing import opens, seal_canary
from central.canaries.tables import AuthorityKey, Canary, CanaryTrial, KeptStatement
from central.database import writing
from shared.clock import as_utc
from shared.epochs import SHARE_BYTES
from shared.errors import BadInput, CairnError, Refused, TransportDown
from shared.keys import signing_public
from shared.releases import MAX_WINDOW

GUESSES = 100
CENTRE = "centre"


class StrangeKey(Refused):
    """An authority shows another key than before: its statements can no longer be told from a forger's."""


@dataclass(slots=True)
class Answers:
    """What each authority said about one day: its share, or that it is gone, or nothing at all."""

    shares: dict[str, bytes] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    away: dict[str, str] = field(default_factory=dict)


def seal_todays(engine: Engine, authorities: Sequence[Releases], now: datetime) -> bool:
    """Seal today's canary unless there is one. Raises what the authorities raise; it is tried again later."""
    day = as_utc(now).date()
    with Session(engine) as session:
        if session.get(Canary, day) is not None:
            return False
    answers = ask(authorities, day)
    if len(answers.shares) < len(authorities):
        who = ", ".join(sorted(answers.gone | set(answers.away)))
        raise TransportDown(f"no canary can be sealed: no share from {who}", hint="it is tried again within the hour")
    sealed, digest = seal_canary(day, answers.shares)
    with writing(engine) as session:
        if session.get(Canary, day) is None:
            session.add(Canary(day=day, sealed=sealed, digest=digest, sealed_at=now))
            record(session, now, CENTRE, "sealed canary", detail=day.isoformat())
    return True


def keep_statements(engine: Engine, authorities: Sequence[Releases], now: datetime) -> int:
    """Fetch, verify and keep new statements of destroyed days; returns how many were new.

    One authority that is away or states what it did not sign keeps nothing of the others': the first such error is
    raised at the end.
    """
    new, failed = 0, list[CairnError]()
    for authority in authorities:
        try:
            new += _keep_of(engine, authority, now)
        except CairnError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return new


def statements(session: Session) -> list[Destruction]:
    """All that were published, by day and authority."""
    rows = session.exec(select(KeptStatement).order_by(col(KeptStatement.day), col(KeptStatement.authority)))
    return [Destruction(row.authority, row.day, row.destroyed_at, row.signature) for row in rows]


def keys(session: Session) -> dict[str, bytes]:
    """The authorities' raw Ed25519 keys as first seen, by name: compare them with what those offices say."""
    return {row.authority: row.public_key for row in session.exec(select(AuthorityKey))}


def try_all(engine: Engine, authorities: Sequence[Releases], account: str, now: datetime) -> list[CanaryTrial]:
    """Try to open every canary; each outcome is kept and logged. Oldest day first."""
    with Session(engine) as session:
        canaries = session.exec(select(Canary).order_by(col(Canary.day))).all()
        stated = {(one.authority, one.day) for one in statements(session)}
    trials = [_tried(one, authorities, stated, now) for one in canaries]
    with writing(engine) as session:
        for trial in trials:
            trial.account = account
            session.add(trial)
        session.flush()
        alarms = [trial for trial in trials if trial.alarm]
        for trial in alarms:
            record(session, now, account, "canary alarm", detail=f"{trial.day.isoformat()}: {trial.alarm}")
        opened = sum(trial.opened for trial in trials)
        words = f"{len(trials)} tried, {opened} opened, {len(alarms)} not as they must be"
        record(session, now, account, "tried canaries", detail=words)
        for trial in trials:
            session.refresh(trial)
            session.expunge(trial)
    return trials


def last_trials(session: Session) -> list[tuple[Canary, CanaryTrial | None]]:
    """Every canary with its newest trial, oldest day first."""
    newest: dict[date, CanaryTrial] = {}
    for trial in session.exec(select(CanaryTrial).order_by(col(CanaryTrial.id))):
        newest[trial.day] = trial
    canaries = session.exec(select(Canary).order_by(col(Canary.day))).all()
    return [(one, newest.get(one.day)) for one in canaries]


def ask(authorities: Sequence[Releases], day: date) -> Answers:
    """Ask each authority for its share of the day's canary."""
    answers, private = Answers(), X25519PrivateKey.generate()
    public, epoch = private.public_key().public_bytes_raw(), canary_epoch(day)
    for authority in authorities:
        try:
            sealed = authority.canary(day, public)
            released = open_released(private, sealed, authority.name, CANARY_CELL, Recipient.CANARY)
            answers.shares[authority.name] = released.shares[epoch]
        except SecretDestroyed:
            answers.gone.add(authority.name)
        except (CairnError, KeyError) as error:
            answers.away[authority.name] = error.message if isinstance(error, CairnError) else "another epoch's share"
    return answers


def _tried(
    canary: Canary, authorities: Sequence[Releases], stated: set[tuple[str, date]], now: datetime
) -> CanaryTrial:
    answers = ask(authorities, canary.day)
    names = sorted(authority.name for authority in authorities)
    whole = set(answers.shares) == set(names)
    opened = whole and opens(canary.day, canary.sealed, canary.digest, answers.shares)
    alarm = _alarm(canary, answers, {name for name in names if (name, canary.day) in stated}, now)
    if whole and not opened:
        alarm = alarm or "every authority gave its share, and it does not open: a share or the batch was changed"
    if not whole and _guessed(canary, names, answers.shares):
        opened, alarm = True, "it opens without the destroyed share"
    return CanaryTrial(
        day=canary.day, at=now, account="", opened=opened, destroyed_by=" ".join(sorted(answers.gone)), alarm=alarm,
        away="; ".join(f"{name}: {why}" for name, why in sorted(answers.away.items())),
    )  # fmt: skip


def _alarm(canary: Canary, answers: Answers, stated: set[str], now: datetime) -> str:
    """What contradicts what: a share that must not exist, a refusal that nobody signed, a day kept too long."""
    giving = stated & set(answers.shares)
    found = [f"{name} states that the day is destroyed, and still gives its share" for name in giving]
    found += [f"{name} says that the day is destroyed, and has signed no statement" for name in answers.gone - stated]
    expired = canary.day < (now - MAX_WINDOW).date()
    if expired and answers.shares and not answers.gone and not answers.away:
        found.append("retention is over, and no authority has destroyed the day")
    return "; ".join(sorted(found))


def _guessed(canary: Canary, names: Sequence[str], shares: dict[str, bytes]) -> bool:
    """Whether it opens with guesses in place of the missing shares: random ones, none at all, and the others' own."""
    missing = [name for name in names if name not in shares]
    tries = [{**shares, **{name: secrets.token_bytes(SHARE_BYTES) for name in missing}} for _ in range(GUESSES)]
    tries += [{**shares, **dict.fromkeys(missing, other)} for other in (bytes(SHARE_BYTES), *shares.values())]
    tries += [dict(shares)] if shares else []
    return any(opens(canary.day, canary.sealed, canary.digest, one) for one in tries)


def _keep_of(engine: Engine, authority: Releases, now: datetime) -> int:
    public = authority.public
    with Session(engine) as session:
        known = session.get(AuthorityKey, authority.name)
        kept = set(session.exec(select(col(KeptStatement.day)).where(KeptStatement.authority == authority.name)))
    if known is not None and known.public_key != public:
        hint = "ask that office by another way whether its key was replaced"
        raise StrangeKey(f"authority {authority.name} shows another key than before", hint=hint)
    fresh = [one for one in authority.statements() if one.day not in kept]
    for one in fresh:
        if one.authority != authority.name:
            raise BadInput(f"authority {authority.name} states something for {one.authority}", hint="ask that office")
        check_destruction(one, signing_public(public))
    # Asked again under the lock: an officer's trial and the hourly upkeep may fetch the same at once.
    with writing(engine) as session:
        fresh = [one for one in fresh if session.get(KeptStatement, (one.authority, one.day)) is None]
        if session.get(AuthorityKey, authority.name) is None:
            session.add(AuthorityKey(authority=authority.name, public_key=public, seen_at=now))
            record(session, now, CENTRE, "authority key", detail=f"{authority.name} {public.hex()}")
        for one in fresh:
            session.add(
                KeptStatement(
                    authority=one.authority, day=one.day, destroyed_at=one.destroyed_at, signature=one.signature,
                    seen_at=now,
                )
            )  # fmt: skip
            detail = f"{one.authority} {one.day.isoformat()} {one.signature.hex()}"
            record(session, now, CENTRE, "destruction stated", detail=detail)
        session.commit()
    return len(fresh)
