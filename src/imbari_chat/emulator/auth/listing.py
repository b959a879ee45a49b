"""Administration of many users at once: pages, queries, batch deletion. Owner only."""

from typing import Final

from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.errors import BadRequest, invalid_payload, not_built
from imbari_chat.wire.json import Json

__all__ = ["batch_delete", "batch_get", "query"]

_PAGE_DEFAULT: Final = 20
_PAGE_MAX: Final = 1000
_BATCH_MAX: Final = 1000


def batch_get(call: Call) -> dict[str, Json]:
    """``accounts:batchGet``: a page of users by uid.

    A full page always carries a token, so the last page may be empty.
    """
    size = _page_size(call.query.get("maxResults", ""))
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
        raise not_built("expression")
    count: Json = str(len(call.accounts))
    if fields.flag("returnUserInfo") is False:
        return {"recordsCount": count}
    if fields.integer("limit"):
        raise not_built("limit")
    if fields.integer("offset"):
        raise not_built("offset")
    if fields.text("sortBy") not in {None, "", "SORT_BY_FIELD_UNSPECIFIED", "USER_ID"}:
        raise not_built("sorting by anything but USER_ID")
    users = [*call.accounts]
    if fields.text("order") == "DESC":
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


def _page_size(text: str) -> int:
    """The size of a page; any negative number means everybody."""
    if not text:
        return _PAGE_DEFAULT
    try:
        size = int(text)
    except ValueError as error:
        raise invalid_payload("/maxResults must be integer") from error
    return min(size or _PAGE_DEFAULT, _PAGE_MAX)
