"""The edge fleet (seed 004): one list; addresses, peers, names, monitors, checks and costs follow from it."""

# A node more is a line more, `estate edge create`, `estate edge install`, and a deploy of the hub.
mesh = {
    "domain": "clavitor.com",
    "acme_email": "ops@clavitor.com",
    # Your laptop: `wg genkey`, and the public half here (docs/edge.md).
    "operators": [],
    "budget": 100,
    # Its key: EDGE_OFFSITE_KEY_ID and EDGE_OFFSITE_KEY, which list and write but need not delete (docs/edge.md).
    "offsite": {"bucket": "ClavitorVaults"},
    "release": {
        "version": "0.1.0",
        "path": "build/clavitor",
        # Of the artifact at that path: `sha256sum build/clavitor`.
        "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    },
    "nodes": [
        {
            "name": "zurich",
            "index": 1,
            "city": "Zurich",
            "provider": "hostkey",
            "region": "zrh",
            "plan": "hostkey-vps",
            "role": "hub",
            "price": 0,
        },
        {"name": "tokyo", "index": 2, "city": "Tokyo", "region": "nrt", "plan": "vc2-1c-1gb"},
        {"name": "newjersey", "index": 3, "city": "New Jersey", "region": "ewr", "plan": "vc2-1c-1gb"},
        {"name": "siliconvalley", "index": 4, "city": "Silicon Valley", "region": "sjc", "plan": "vc2-1c-1gb"},
        {"name": "dallas", "index": 5, "city": "Dallas", "region": "dfw", "plan": "vc2-1c-1gb"},
        {"name": "london", "index": 6, "city": "London", "region": "lhr", "plan": "vc2-1c-1gb"},
        {"name": "frankfurt", "index": 7, "city": "Frankfurt", "region": "fra", "plan": "vc2-1c-1gb"},
        {"name": "warsaw", "index": 8, "city": "Warsaw", "region": "waw", "plan": "vc2-1c-1gb"},
        {"name": "seoul", "index": 9, "city": "Seoul", "region": "icn", "plan": "vc2-1c-1gb"},
        {"name": "mumbai", "index": 10, "city": "Mumbai", "region": "bom", "plan": "vc2-1c-1gb"},
        {"name": "saopaulo", "index": 11, "city": "São Paulo", "region": "sao", "plan": "vc2-1c-1gb-sc1"},
        {"name": "sydney", "index": 12, "city": "Sydney", "region": "syd", "plan": "vc2-1c-1gb"},
        {"name": "johannesburg", "index": 13, "city": "Johannesburg", "region": "jnb", "plan": "vc2-1c-1gb"},
        {"name": "telaviv", "index": 14, "city": "Tel Aviv", "region": "tlv", "plan": "vc2-1c-1gb"},
        {
            "name": "amsterdam",
            "index": 15,
            "city": "Amsterdam",
            "provider": "hostkey",
            "region": "ams",
            "plan": "hostkey-vps",
            "wave": "canary",
            "price": 0,
        },
        {"name": "dubai", "index": 16, "city": "Dubai", "provider": "hostkey", "region": "dxb", "plan": "hostkey-vps"},
    ],
}
