"""Administration of many users at once: pages, queries, batch deletion. Owner only."""

import re
from typing import Final

from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.errors import BadRequest, invalid_payload, not_built
from imbari_chat.emulator.auth.schemas import ORDERS, SORT_FIELDS
from imbari_chat.wire.json import Json

__all__ = ["batch_delete", "batch_get", "query"]

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_PAGE_DEFAULT: Final = 20
_PAGE_MAX: Final = 1000
_BATCH_MAX: Final = 1000


def batch_get(call: Call) -> dict[str, Json]:
    """``accounts:batchGet``: a page of users by uid.

    A full page always carries a token, so the last page may be empty.
    """
    size = _page_size(call.query.get("maxResults"))
    after = call.query.get("nextPageToken", "")
    users = [user for user in call.accounts if user.local_id > after]
    page = users if size < 0 else users[:size]
    answer: dict[str, Json] = {
        "kind": "identitytoolkit#DownloadAccountResponse",
        "users": [user.to_json() for user in page],
    }
    if page and len(page) == size:
        answer["nextPageToken"] = page[-1].local_id
    return answer


def query(call: Call) -> dict[str, Json]:
    """``accounts:query``: everybody, or only how many there are."""
    fields = call.fields
    if fields.objects("expression"):
        raise not_built("expression is not implemented.")
    count: Json = str(len(call.accounts))
    if fields.flag("returnUserInfo") is False:
        return {"recordsCount": count}
    if fields.text("limit"):
        raise not_built("limit is not implemented.")
    if fields.text("offset") not in {None, "", "0"}:
        raise not_built("offset is not implemented.")
    if fields.choice("sortBy", SORT_FIELDS) not in {None, *SORT_FIELDS[:2]}:
        raise not_built("Only sorting by USER_ID is implemented.")
    users = [*call.accounts]
    if fields.choice("order", ORDERS) == "DESC":
        users.reverse()
    return {"recordsCount": count, "userInfo": [user.to_json() for user in users]}


def batch_delete(call: Call) -> dict[str, Json]:
    """``accounts:batchDelete``: unknown uids count as deleted."""
    uids = call.fields.texts("localIds")
    if not 1 <= len(uids) <= _BATCH_MAX:
        raise BadRequest("LOCAL_ID_LIST_EXCEEDS_LIMIT")
    force = call.fields.flag("force") or False
    errors: list[Json] = []
    for index, uid in enumerate(uids):
        user = call.accounts.get(uid)
        if user is not None and not user.disabled and not force:
            message = "NOT_DISABLED : Disable the account before batch deletion."
            errors.append({"index": index, "localId": uid, "message": message})
        else:
            call.accounts.remove(uid)
    return {"errors": errors} if errors else {}


def _page_size(text: str | None) -> int:
    """The size of a page; any negative number means everybody."""
    if text is None:
        return _PAGE_DEFAULT
    if not _INTEGER.fullmatch(text):
        raise invalid_payload(" must be integer")
    size = int(text)
    return min(size or _PAGE_DEFAULT, _PAGE_MAX)
