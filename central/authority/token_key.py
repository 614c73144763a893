"""A key-encryption key in a token (PKCS#11): made in it, never out of it. The only module that knows the library.

AES-256-GCM; what a secret is bound to is its additional data. Tried with SoftHSM2 2.6.
"""

from __future__ import annotations

import os
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import (
    MultipleTokensReturned,
    NoSuchToken,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    UserAlreadyLoggedIn,
)
from pkcs11.mechanisms import GCMParams

from central.authority.kek import NONCE_BYTES, CannotUnwrap, TokenAway, WrongPin, WrongToken, read_secret
from central.authority.token_place import TokenPlace

TAG_BITS, KEY_BITS, ID_BYTES = 128, 256, 8
_PIN_REFUSED = (PinIncorrect, PinInvalid, PinLenRange, PinLocked)
_TOLD = (*_PIN_REFUSED, NoSuchToken, MultipleTokensReturned)


class TokenKey:
    """Opens the token when it is first needed, and again after it was away. Not thread-safe."""

    def __init__(self, place: TokenPlace) -> None:
        self._place = place
        self._session: Any = None
        self._key: Any = None
        self._id = ""
        self._pin_refused = False

    @property
    def id(self) -> str:
        self._opened()
        return self._id

    def make(self) -> bool:
        """Make the key in the token; False when it is there already. Raises TokenAway, WrongPin."""
        session = self._login(rw=True)
        try:
            if list(session.get_objects(self._wanted())):
                return False
            session.generate_key(
                KeyType.AES, KEY_BITS, id=os.urandom(ID_BYTES), label=self._place.key, store=True,
                template={Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True, Attribute.MODIFIABLE: False},
            )  # fmt: skip
        except PKCS11Error as error:
            raise self._away(error) from None
        finally:
            session.close()
        return True

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        parameters = GCMParams(nonce, context, TAG_BITS)
        try:
            sealed = self._done("encrypt", secret, parameters)
        except PKCS11Error as error:
            raise self._away(error) from None
        return nonce + sealed

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return self._done("decrypt", sealed, GCMParams(nonce, context, TAG_BITS))
        except PKCS11Error:
            # A library says the same of a wrong tag and of a token that is gone: whoever still has the key tells.
            self._opened()
        hint = "compare the token's key with the one that `cairn-central authority rewrap` last used"
        raise CannotUnwrap("a day secret does not unwrap under the token's key", hint=hint)

    def _done(self, act: str, data: bytes, parameters: GCMParams) -> bytes:
        """Once more after it failed: the token may have been away since, or somebody else here logged out."""
        for last in (False, True):
            try:
                perform = getattr(self._opened(), act)
                return bytes(perform(data, mechanism=Mechanism.AES_GCM, mechanism_param=parameters))
            except PKCS11Error:
                self.close()
                if last:
                    raise
        raise AssertionError

    def close(self) -> None:
        """Log out; the next use opens the token again."""
        session, self._session, self._key = self._session, None, None
        if session is not None:
            try:
                session.close()
            except PKCS11Error:
                return  # a session with a token that is gone is closed already

    def _opened(self) -> Any:
        if self._key is not None:
            return self._key
        session = self._login()
        try:
            found = list(session.get_objects(self._wanted()))
            names = [bytes(key[Attribute.ID]).hex() for key in found]
        except PKCS11Error as error:
            session.close()
            raise self._away(error) from None
        if len(found) != 1 or (self._id and self._id != f"token:{names[0]}"):
            session.close()
            raise self._without_key(len(found))
        self._session, self._key, self._id = session, found[0], f"token:{names[0]}"
        return self._key

    def _login(self, *, rw: bool = False) -> Any:
        if self._pin_refused:
            raise WrongPin("the token refused the PIN, which is not tried again", hint="correct pin_file and restart")
        self.close()
        pin = read_secret(self._place.pin_file, "pin").decode("utf-8", "replace")
        try:
            try:
                return self._session_of(pin, rw=rw)
            except PKCS11Error as error:
                if isinstance(error, _TOLD):
                    raise
                # A token that was away is only seen again by a library that starts anew.
                pkcs11.lib(str(self._place.module)).reinitialize()
                return self._session_of(pin, rw=rw)
        except _PIN_REFUSED as error:
            self._pin_refused = True
            hint = "correct the PIN in pin_file, then restart; see whether the token has locked itself"
            raise WrongPin(f"the token refuses the PIN ({type(error).__name__})", hint=hint) from None
        except (NoSuchToken, MultipleTokensReturned):
            hint = "connect it, or compare token_label with what the token is called"
            raise TokenAway(f"there is no one token {self._place.token!r}", hint=hint) from None
        except (PKCS11Error, RuntimeError) as error:
            raise self._away(error) from None

    def _session_of(self, pin: str, *, rw: bool) -> Any:
        token = pkcs11.lib(str(self._place.module)).get_token(token_label=self._place.token)
        try:
            return token.open(rw=rw, user_pin=pin)
        except UserAlreadyLoggedIn:  # a login counts for the whole process
            return token.open(rw=rw)

    def _wanted(self) -> dict[Attribute, Any]:
        return {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: self._place.key}

    def _without_key(self, found: int) -> TokenAway | WrongToken:
        if self._id:
            return TokenAway("the token with the day secrets' key was taken away", hint="connect it again")
        hint = "connect the right token, or make the key with: cairn-central authority token"
        return WrongToken(f"token {self._place.token!r} holds {found} keys {self._place.key!r}", hint=hint)

    def _away(self, error: Exception) -> TokenAway:
        hint = "check the token, its driver (token_module), and that this user may reach it"
        return TokenAway(f"the token does not answer ({type(error).__name__})", hint=hint)
