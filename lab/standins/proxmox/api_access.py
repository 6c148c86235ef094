"""The methods below /access."""

from lab.standins.proxmox import access, realms
from lab.standins.proxmox.api import Method
from lab.standins.proxmox.schema import BOOL, COUNT, TEXT, Param, need

_USER = Param(optional=False, pattern=r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+")
_ID = Param(optional=False, pattern=r"[A-Za-z0-9.\-_]+")
_TOKEN = Param(optional=False, pattern=r"[A-Za-z][A-Za-z0-9.\-_]+")
_REALM = Param(optional=False, pattern=r"[A-Za-z][A-Za-z0-9.\-_]+")
_USER_FIELDS = {
    "comment": TEXT,
    "email": Param(pattern=r"[^@\s]+@[^@\s]+"),
    "enable": BOOL,
    "expire": COUNT,
    "firstname": TEXT,
    "groups": TEXT,
    "keys": Param(pattern=r"[0-9a-zA-Z!=]{0,4096}"),
    "lastname": TEXT,
}
_TOKEN_FIELDS = {"comment": TEXT, "expire": COUNT, "privsep": BOOL}
_OPENID = {
    "acr-values": Param(pattern=r"[^\x00-\x1F\x7F <>#\"]*"),
    "autocreate": BOOL,
    "client-id": TEXT,
    "client-key": TEXT,
    "comment": TEXT,
    "default": BOOL,
    "groups-autocreate": BOOL,
    "groups-claim": Param(pattern=r"[A-Za-z0-9.\-_]+"),
    "groups-overwrite": BOOL,
    "issuer-url": Param(pattern=r"https?://\S+"),
    "prompt": Param(pattern=r"\S+"),
    "query-userinfo": BOOL,
    "scopes": TEXT,
}
_TYPES = Param(optional=False, enum=("ad", "ldap", "openid", "pam", "pve"))
_ACL = {
    "path": need(TEXT),
    "roles": need(TEXT),
    "users": TEXT,
    "groups": TEXT,
    "tokens": TEXT,
    "propagate": BOOL,
    "delete": BOOL,
}
_REALM_PATH, _USER_PATH = "/access/domains/{realm}", "/access/users/{userid}"
_TOKEN_PATH = f"{_USER_PATH}/token/{{tokenid}}"
METHODS: tuple[Method, ...] = (
    Method(
        "get", "/access/users", lambda n, v: access.user_rows(n, bool(v.get("full"))), {"full": BOOL, "enabled": BOOL}
    ),
    Method(
        "create",
        "/access/users",
        lambda n, v: access.user_write(n, v, new=True),
        {"userid": _USER, "password": Param(pattern=r"(?s).{8,64}"), **_USER_FIELDS},
    ),
    Method("get", _USER_PATH, lambda n, v: access.user_get(n, v["userid"]), {"userid": _USER}),
    Method(
        "set",
        _USER_PATH,
        lambda n, v: access.user_write(n, v, new=False),
        {"userid": _USER, "append": BOOL, **_USER_FIELDS},
    ),
    Method("delete", _USER_PATH, lambda n, v: access.user_delete(n, v["userid"]), {"userid": _USER}),
    Method("get", f"{_USER_PATH}/token", lambda n, v: access.token_rows(n, v["userid"]), {"userid": _USER}),
    Method(
        "create",
        _TOKEN_PATH,
        lambda n, v: access.token_add(n, v),
        {"userid": _USER, "tokenid": _TOKEN, **_TOKEN_FIELDS},
    ),
    Method(
        "delete",
        _TOKEN_PATH,
        lambda n, v: access.token_delete(n, v["userid"], v["tokenid"]),
        {"userid": _USER, "tokenid": _TOKEN},
    ),
    Method("get", "/access/groups", lambda n, v: access.group_rows(n)),
    Method(
        "create", "/access/groups", lambda n, v: access.group_write(n, v, new=True), {"groupid": _ID, "comment": TEXT}
    ),
    Method(
        "set",
        "/access/groups/{groupid}",
        lambda n, v: access.group_write(n, v, new=False),
        {"groupid": _ID, "comment": TEXT},
    ),
    Method("delete", "/access/groups/{groupid}", lambda n, v: access.group_delete(n, v["groupid"]), {"groupid": _ID}),
    Method("get", "/access/roles", lambda n, v: access.role_rows(n)),
    Method("create", "/access/roles", lambda n, v: access.role_write(n, v, new=True), {"roleid": _ID, "privs": TEXT}),
    Method(
        "set",
        "/access/roles/{roleid}",
        lambda n, v: access.role_write(n, v, new=False),
        {"roleid": _ID, "privs": TEXT, "append": BOOL},
    ),
    Method("delete", "/access/roles/{roleid}", lambda n, v: access.role_delete(n, v["roleid"]), {"roleid": _ID}),
    Method("get", "/access/acl", lambda n, v: access.acl_rows(n)),
    Method("set", "/access/acl", lambda n, v: access.acl_write(n, v, bool(v.pop("delete", 0))), _ACL),
    Method("get", "/access/domains", lambda n, v: realms.rows(n)),
    Method(
        "create",
        "/access/domains",
        lambda n, v: realms.write(n, v, new=True),
        {"realm": _REALM, "type": _TYPES, "username-claim": TEXT, **_OPENID},
    ),
    Method("get", _REALM_PATH, lambda n, v: realms.get(n, v["realm"]), {"realm": _REALM}),
    Method(
        "set",
        _REALM_PATH,
        lambda n, v: realms.write(n, v, new=False),
        {"realm": _REALM, "delete": TEXT, "digest": TEXT, **_OPENID},
    ),
    Method("delete", _REALM_PATH, lambda n, v: realms.delete(n, v["realm"]), {"realm": _REALM}),
)
