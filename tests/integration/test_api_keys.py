"""Access keys over HTTP: shown once, good for one project and role, gone when revoked."""

from datetime import timedelta

from support.api import ALL, ApiWorld, path, problem

KEYS = "/api/projects/p/keys"
WANTED = {"name": "ci", "role": "view", "expirationSeconds": 3600}


async def test_a_key_is_shown_once_and_acts_with_its_role_in_its_project() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.owner.post("/api/projects", {"name": "q"})
    made = await world.owner.post(KEYS, WANTED)
    assert made.status == 201, made.body
    text = made.json()["key"]
    assert text.startswith("ambk_p_")
    program = world.browser(authorization=f"Bearer {text}")
    assert (await program.get(path(session))).status == 200
    me = (await program.get("/api/me")).json()
    assert (me["kind"], me["userId"]) == ("accessKey", "developer")
    problem(await program.post(ALL, {}), 403, "forbidden")
    problem(await program.get("/api/projects/q"), 403, "forbidden")
    problem(await program.get("/api/admin/health"), 403, "forbidden")
    problem(await program.get(KEYS), 403, "forbidden")
    assert [one["name"] for one in (await program.get("/api/projects")).json()["items"]] == ["p"]
    listed = await world.owner.get(KEYS)
    [shown] = listed.json()["items"]
    assert shown["lastUsedAt"]
    assert text.encode() not in listed.body
    assert text.rpartition("_")[2].encode() not in listed.body


async def test_a_revoked_an_expired_and_a_guessed_key_are_refused() -> None:
    world = ApiWorld()
    await world.project()
    made = (await world.owner.post(KEYS, WANTED)).json()
    program = world.browser(authorization=f"Bearer {made['key']}")
    for guessed in (made["key"][:-1], f"{made['key']}0", "ambk_", "ambk_p_x_y", "ambk___"):
        stranger = world.browser(authorization=f"Bearer {guessed}")
        problem(await stranger.get("/api/me"), 401, "unauthenticated")
    assert (await program.get("/api/me")).status == 200
    world.clock.advance(timedelta(hours=2))
    problem(await program.get("/api/me"), 401, "token_expired")
    again = (await world.owner.post(KEYS, WANTED)).json()
    program = world.browser(authorization=f"Bearer {again['key']}")
    assert (await world.owner.send("DELETE", f"{KEYS}/{again['id']}")).status == 204
    problem(await program.get("/api/me"), 401, "unauthenticated")
    problem(await world.owner.send("DELETE", f"{KEYS}/{again['id']}"), 404, "not_found")


async def test_a_key_without_an_end_or_a_name_is_not_made() -> None:
    world = ApiWorld()
    await world.project()
    for broken in (
        {"name": "x"},
        {**WANTED, "expirationSeconds": 0},
        {**WANTED, "expirationSeconds": 31_536_001},
        {**WANTED, "name": "x" * 41},
        {**WANTED, "role": "owner"},
    ):
        problem(await world.owner.post(KEYS, broken), 422, "invalid_request")
    problem(await world.owner.get("/api/projects/none/keys"), 404, "not_found")
