"""Vultr and Cloudflare in memory, as httpx transports: what they keep, what they were asked, what goes wrong."""

import json
from collections import Counter

import httpx

PASSWORD = "root-password-of-the-provider"
NOWHERE = "0.0.0.0"  # noqa: S104 - as Vultr writes it


def plan(name="vc2-1c-1gb", ram=1024, price=5, regions=("nrt", "lhr", "ewr")):
    return {"id": name, "ram": ram, "disk": 25, "monthly_cost": price, "type": "vc2", "locations": list(regions)}


def instance(label, tags=("estate-edge.test",), address="192.0.2.7", number="", ready=True, **over):
    return {
        "id": number or f"id-{label}",
        "label": label,
        "tags": list(tags),
        "region": "nrt",
        "plan": "vc2-1c-1gb",
        "main_ip": address,
        "status": "active" if ready else "pending",
        "power_status": "running" if ready else "stopped",
        "server_status": "ok" if ready else "installingbooting",
        **over,
    }


class Cloud:
    """Routes by host; `broken` maps (method, path) to answers that are given first."""

    def __init__(self):
        self.plans = [
            plan(),
            plan("vc2-1c-0.5gb", 512, 3.5, ("ewr",)),
            plan("vc2-1c-0.5gb-v6", 512, 2.5, ("ewr",)),
            plan("vc2-1c-2gb", 2048, 10),
        ]
        self.free = {region: ["vc2-1c-1gb", "vc2-1c-2gb", "vc2-1c-0.5gb"] for region in ("nrt", "lhr", "ewr")}
        self.machines, self.keys, self.records = [], [], []
        self.zones = [{"id": "z1", "name": "edge.test"}]
        self.broken, self.asked, self.orders, self.looks, self.slow = {}, [], [], Counter(), 0

    def transport(self):
        return httpx.MockTransport(self.handle)

    def handle(self, request):
        path = request.url.path.removeprefix("/v2/").removeprefix("/client/v4/")
        self.asked.append((request.method, path))
        if self.broken.get((request.method, path)):
            answer = self.broken[request.method, path].pop(0)
            if isinstance(answer, BaseException):
                raise answer
            if answer is not None:
                return answer
        body = json.loads(request.content) if request.content else {}
        of_vultr = request.url.host == "api.vultr.com"
        if of_vultr and not request.headers.get("authorization") and not path.startswith(("plans", "regions")):
            return httpx.Response(401, json={"error": "Missing API key", "status": 401})
        return (self.vultr if of_vultr else self.cloudflare)(request, path.split("/"), body)

    def vultr(self, request, parts, body):
        match (request.method, *parts):
            case ("GET", "plans"):
                return _list("plans", self.plans)
            case ("GET", "regions", region, "availability"):
                return httpx.Response(200, json={"available_plans": self.free.get(region, [])})
            case ("GET", "instances"):
                return _list("instances", self.machines)
            case ("GET", "ssh-keys"):
                return _list("ssh_keys", self.keys)
            case ("POST", "ssh-keys"):
                self.keys.append({"id": f"key-{len(self.keys)}", **body})
                return httpx.Response(201, json={"ssh_key": self.keys[-1]})
            case ("POST", "instances"):
                self.orders.append(body)
                made = instance(body["label"], body["tags"], NOWHERE, ready=False)
                self.machines.append(made | {"region": body["region"], "plan": body["plan"]})
                return httpx.Response(202, json={"instance": self.machines[-1] | {"default_password": PASSWORD}})
            case ("GET", "instances", number):
                self.looks[number] += 1
                found = [machine for machine in self.machines if machine["id"] == number]
                if found and self.looks[number] > self.slow:
                    place = self.machines.index(found[0]) + 10
                    address = found[0]["main_ip"] if found[0]["main_ip"] != NOWHERE else f"192.0.2.{place}"
                    ready = instance("x")
                    found[0].update({key: ready[key] for key in ("status", "power_status", "server_status")})
                    found[0]["main_ip"] = address
                return httpx.Response(200, json={"instance": found[0]}) if found else _missing()
            case ("DELETE", "instances", number):
                before = len(self.machines)
                self.machines = [machine for machine in self.machines if machine["id"] != number]
                return httpx.Response(204) if len(self.machines) < before else _missing()
        return _missing()

    def cloudflare(self, request, parts, body):
        match (request.method, *parts):
            case ("GET", "zones"):
                return _cf([zone for zone in self.zones if zone["name"] == request.url.params["name"]])
            case ("GET", "zones", _, "dns_records"):
                return _cf(self.records)
            case ("POST", "zones", _, "dns_records"):
                self.records.append({"id": f"r{len(self.records)}", **body})
                return _cf(self.records[-1])
            case ("PUT", "zones", _, "dns_records", number):
                self.records = [{"id": number, **body} if row["id"] == number else row for row in self.records]
                return _cf({"id": number})
            case ("DELETE", "zones", _, "dns_records", number):
                self.records = [row for row in self.records if row["id"] != number]
                return _cf({"id": number})
        return httpx.Response(404, json={"success": False, "errors": [{"code": 7003, "message": "no route"}]})


def record(node, content="192.0.2.7", **over):
    name = over.pop("name", f"{node}.edge.test")
    return {
        **{"id": f"id-{node}", "type": "A", "name": name, "content": content, "ttl": 300, "proxied": False},
        **{"comment": f"estate:edge:{node}"},
        **over,
    }


def _list(key, rows):
    return httpx.Response(200, json={key: rows, "meta": {"total": len(rows), "links": {"next": "", "prev": ""}}})


def _cf(result):
    info = {"page": 1, "per_page": 100, "count": 1, "total_count": 1, "total_pages": 1}
    return httpx.Response(200, json={"success": True, "errors": [], "result": result, "result_info": info})


def _missing():
    return httpx.Response(404, json={"error": "Invalid instance ID.", "status": 404})
