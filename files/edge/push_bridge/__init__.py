"""Push bridge: takes what the edge nodes report, keeps it, judges it and passes a heartbeat on to Uptime Kuma.

Uptime Kuma reads nothing but `status`, `msg` and `ping` from a push's address; a JSON body is ignored
(louislam/uptime-kuma, server/routers/api-router.js). So the nodes push here, and this forwards what Kuma can show.

    POST /push/NODE            a report, 15 fields of JSON       Authorization: Bearer TOKEN
    PUT  /backup/NODE          an age-encrypted file             Authorization: Bearer TOKEN
    GET  /status, /history/NODE?hours=24, /metrics

Python's standard library only. Secrets come from a file, are compared in constant time and are never logged.
"""
