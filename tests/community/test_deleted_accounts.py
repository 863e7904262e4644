"""What stays of somebody who leaves."""

from tests.community.publishing import publish
from tests.fixtures.server import Person


async def test_an_authors_articles_go_and_what_others_downloaded_stays(mina: Person, juno: Person) -> None:
    article = await publish(mina, 2, topics=["x"])
    other = await publish(juno)
    comments = f"/api/articles/{other['id']}/comments"
    await mina.client.post(comments, json={"body": "nice"})
    await juno.client.post(f"/api/articles/{article['id']}/download", json={"tagname": "from Mina"})

    assert (await mina.client.delete("/api/users/me")).status_code == 204

    assert (await juno.client.get(f"/api/articles/{article['id']}")).status_code == 404
    assert (await juno.client.get("/api/articles", params={"topic": "x"})).json()["items"] == []
    assert (await juno.client.get(comments)).json()["items"] == []
    assert (await juno.client.get(f"/api/articles/{other['id']}")).json()["commentCount"] == 0
    kept = (await juno.client.get("/api/contents", params={"tag": "from Mina"})).json()["items"]
    assert sorted(one["url"] for one in kept) == sorted(one["url"] for one in article["items"])


async def test_votes_and_downloads_of_who_left_stay_counted(mina: Person, juno: Person) -> None:
    article = await publish(mina)
    url = f"/api/articles/{article['id']}"
    made = (await mina.client.post(f"{url}/comments", json={"body": "x"})).json()
    await juno.client.put(f"{url}/vote")
    await juno.client.post(f"{url}/download", json={})
    await juno.client.put(f"/api/comments/{made['id']}/vote", json={"value": "down"})

    assert (await juno.client.delete("/api/users/me")).status_code == 204

    read = (await mina.client.get(url)).json()
    assert (read["upCount"], read["downCount"]) == (1, 1)
    assert (await mina.client.get(f"{url}/comments")).json()["items"] == [made | {"downCount": 1}]
    assert (await mina.client.put(f"{url}/vote")).json()["upCount"] == 2


async def test_a_token_of_a_deleted_account_writes_nothing(mina: Person, juno: Person) -> None:
    article = await publish(mina)
    url = f"/api/articles/{article['id']}"
    await juno.client.delete("/api/users/me")
    for refused in (
        await juno.client.put(f"{url}/vote"),
        await juno.client.post(f"{url}/download", json={}),
        await juno.client.post(f"{url}/comments", json={"body": "x"}),
    ):
        assert refused.status_code == 401, refused.text
    assert (await mina.client.get(url)).json() == article
