"""How long searching takes, and what it costs to be able to: `python -m benchmarks.search`.

300,000 contents of 30 people, in a database of its own. docs/decisions/0005-search.md discusses the figures.
"""

import datetime as dt
import random
import statistics
import time
from collections.abc import Iterator
from itertools import accumulate

import asyncpg
import orjson
import uvloop
from sqlalchemy import insert, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from benchmarks.servers import PostgreSQL, database_server, find_postgresql, machine, new_database
from daybook.database.engine import open_database
from daybook.database.executor import Executor
from daybook.database.projection import KeysetPage
from daybook.library.models import Content
from daybook.library.projections import CONTENTS, FOUND
from daybook.library.search import by_index, index_terms, parse, search_text
from daybook.settings import Settings
from daybook.tables import metadata

PEOPLE, EACH, TAGS = 30, 10_000, 40
PAGES = 20_000
"""Different pages; each person saved half of them."""
ROUNDS, SEARCHES = 10, 10
INSERTS = 500

NOUNS = """
    김치 김치찌개 된장찌개 순두부찌개 비빔밥 볶음밥 김밥 떡볶이 불고기 갈비찜 삼겹살 닭갈비 냉면 칼국수 수제비
    만두 잡채 파전 해물파전 계란말이 미역국 육개장 설렁탕 삼계탕 감자탕 부대찌개 콩나물국밥 순대 족발 보쌈
    회덮밥 초밥 우동 라면 파스타 피자 샐러드 샌드위치 햄버거 카레 스테이크 빵 식빵 바게트 케이크 쿠키 마카롱
    커피 에스프레소 라떼 녹차 홍차 맥주 와인 막걸리 소주 두부 콩나물 시금치 배추 무 양파 마늘 대파 고추
    고춧가루 간장 된장 고추장 참기름 들기름 식초 설탕 소금 후추 쌀 현미 보리 감자 고구마 옥수수 토마토 오이
    당근 버섯 호박 가지 상추 깻잎 사과 배 포도 딸기 수박 참외 복숭아 귤 바나나 계란 우유 치즈 버터 요거트
    닭고기 돼지고기 소고기 생선 고등어 오징어 새우 조개 미역 다시마 김 냉장고 오븐 전자레인지 에어프라이어
    압력밥솥 냄비 프라이팬 도마 칼 그릇 접시 식탁 부엌 주방 인테리어 가구 침대 소파 책상 의자 조명 커튼 카펫
    화분 정원 베란다 거실 욕실 청소 세탁 정리 수납 운동 달리기 마라톤 등산 수영 자전거 요가 필라테스 헬스
    스트레칭 근력운동 축구 야구 농구 배구 테니스 배드민턴 탁구 골프 스키 캠핑 낚시 여행 제주도 부산 서울 강릉
    경주 전주 여수 속초 인천 대구 광주 대전 일본 도쿄 오사카 교토 대만 베트남 태국 유럽 파리 런던 로마 뉴욕
    호텔 숙소 항공권 기차 지하철 버스 택시 운전 자동차 전기차 중고차 보험 세금 연말정산 부동산 전세 월세
    아파트 대출 금리 주식 펀드 적금 투자 경제 뉴스 정치 사회 문화 역사 과학 기술 인공지능 프로그래밍 파이썬
    자바스크립트 데이터베이스 알고리즘 자료구조 서버 클라우드 보안 네트워크 운영체제 모바일 앱 디자인 글꼴
    색상 사진 카메라 렌즈 영상 편집 음악 피아노 기타 바이올린 노래 가수 영화 드라마 배우 감독 소설 시집 만화
    웹툰 책 도서관 독서 글쓰기 일기 편지 영어 일본어 중국어 한국어 문법 단어 시험 공부 학교 대학교 유치원
    어린이집 육아 아기 임신 결혼 연애 친구 가족 부모 건강 병원 약국 치과 피부과 다이어트 식단 영양제 비타민
    단백질 수면 명상 스트레스 상담 반려동물 강아지 고양이 사료 산책 동물병원 날씨 미세먼지 장마 태풍 단풍 벚꽃
    겨울 여름 가을 봄 추석 설날 선물 쇼핑 할인 쿠폰 배송 옷 신발 가방 화장품 향수 머리 미용실 취업 이력서 면접
    회사 직장 회의 보고서 엑셀 발표 창업 마케팅 광고 블로그 유튜브 강의 후기 추천 비교 정보 방법 비법 초보
    가이드 모음 순위 가격 사용법 만들기 고르기 준비물 이야기 하루 주말 아침 점심 저녁 간식 도시락 집밥 맛집
"""
PARTICLES = ["를", "을", "이", "가", "은", "는", "의", "에", "에서", "으로", "와", "과", "도", "만", "까지"] + [""] * 8
OTHERS = """
    만드는 끓이는 맛있는 간단한 쉬운 좋은 새로운 따뜻한 알아두면 시작하는 먹는 배우는 고르는 즐기는 떠나는
    완벽한 솔직한 최신 합니다 했어요 좋아요 있습니다 보세요 추천해요 정리했습니다 그리고 하지만 그래서 오늘
    내일 이번 정말 가장 함께 직접 바로 recipe kitchen cooking YouTube GitHub Python JavaScript TypeScript
    React Vue Docker Kubernetes PostgreSQL FastAPI async tutorial guide review best simple easy beginner
    learning machine design camera music travel hotel Tokyo Seoul Paris coffee wine bread kimchi ramen noodle
    healthy diet running marathon yoga fitness workout iOS Android iPhone Galaxy Apple Google Naver blog vlog
    podcast playlist live TOP10 2024 2025 2026 AI GPT data science server cloud linux kernel network security
    performance
"""
PLANTED = {"오늘의요리를": 0.3, "꽃게를": 0.0005, "묵은지김치찌개": 0.002, "elasticsearch": 0.002, "꿩만두": 0.002}
"""Words to be looked for, by how many titles have them."""
QUERIES = {
    "two syllables, rare": "꽃게",
    "two syllables, in 30 %": "요리",
    "with a particle": "묵은지김치찌개를",
    "Latin prefix": "elasti",
    "Latin prefix, frequent": "pyth",
    "two words": "요리 김치찌개",
    "no hit": "펭귄나라",
    "a tag of 20": "나의희귀한태그",
    "a tag of 2,500": "나의흔한태그",
    "tag and text": "나의흔한태그 요리",
    "one syllable, frequent": "밥",
    "one syllable, rare": "꿩",
    "one syllable, no hit": "꿹",
}

PEOPLE_SQL = "INSERT INTO users (user_key, username, timezone) SELECT n, n, 'UTC' FROM generate_series(1, $1) n"
# Tag 1 is on a few contents, tag 2 on many; of the others, each content has one or two.
TAGS_SQL = """
    INSERT INTO tags (user_id, tagname, tag_key, color)
    SELECT u.id, name, name, 0
    FROM users u, generate_series(1, $1) n,
    LATERAL (SELECT CASE n WHEN 1 THEN '나의희귀한태그' WHEN 2 THEN '나의흔한태그' ELSE '태그' || n END AS name) x
    ORDER BY u.id, n
"""
TAGGED_SQL = """
    INSERT INTO content_tag (content_id, tag_id, user_id)
    SELECT c.id, t.id, c.user_id
    FROM (SELECT id, user_id, row_number() OVER (PARTITION BY user_id ORDER BY id) AS n FROM contents) AS c
    JOIN (SELECT id, user_id, row_number() OVER (PARTITION BY user_id ORDER BY id) AS n FROM tags) AS t USING (user_id)
    WHERE CASE t.n WHEN 1 THEN c.n % 500 = 3 WHEN 2 THEN c.n % 4 = 1 ELSE t.n IN (3 + c.n % 38, 3 + c.n * 7 % 38) END
"""
VIDEOS_SQL = "INSERT INTO video_metadata (content_id, video_length) SELECT id, 600 FROM contents WHERE id % 3 = 0"
POSTS_SQL = (
    "INSERT INTO post_metadata (content_id, body) SELECT id, repeat('본문 ', 300) FROM contents WHERE id % 3 = 1"
)


def pages(chance: random.Random) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield title, description and note of the pages."""
    nouns, others = NOUNS.split(), OTHERS.split()
    chance.shuffle(nouns)
    # By Zipf's law, the first are the most frequent.
    weights = list(accumulate(1 / (rank + 8) for rank in range(len(nouns))))

    def words(least: int, most: int) -> list[str]:
        drawn = chance.choices(nouns, cum_weights=weights, k=chance.randint(least, most))
        return [noun + chance.choice(PARTICLES) if chance.random() < 0.7 else chance.choice(others) for noun in drawn]

    for _ in range(PAGES):
        title = words(3, 8) + [word for word, part in PLANTED.items() if chance.random() < part]
        description = words(12, 45) if chance.random() < 0.8 else []
        note = words(2, 10) if chance.random() < 0.15 else []
        yield " ".join(chance.sample(title, len(title))), " ".join(description) or None, " ".join(note) or None


async def fill(url: str) -> int:
    """Fill in people, contents and tags; return the id of one of the people."""
    chance = random.Random(7)
    connection = await asyncpg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    await connection.execute(PEOPLE_SQL, PEOPLE)
    user_ids = [row["id"] for row in await connection.fetch("SELECT id FROM users ORDER BY id")]
    everything = [(*page, search_text(*page)) for page in pages(chance)]
    saved = {user_id: iter(chance.sample(everything, EACH)) for user_id in user_ids}
    # Everybody saves ten pages a day, so that those of one person do not lie together.
    for day in range(EACH // 10):
        saved_on = dt.date(2024, 1, 1) + dt.timedelta(days=day)
        rows = []
        for number in range(day * 10, day * 10 + 10):
            for user_id in user_ids:
                title, description, note, folded = next(saved[user_id])
                link = f"https://www.example.com/articles/{number}?from={user_id}"
                values = (user_id, link, link, "post", title, description, note, f"{link}&size=640x360", saved_on)
                rows.append((*values, folded, index_terms(user_id, folded)))
        await connection.copy_records_to_table("contents", records=rows, columns=COLUMNS)
    await connection.execute(TAGS_SQL, TAGS)
    for statement in (TAGGED_SQL, VIDEOS_SQL, POSTS_SQL):
        await connection.execute(statement)
    await connection.close()
    return int(user_ids[PEOPLE // 2])


COLUMNS = ["user_id", "url", "url_key", "content_type", "title", "description", "note", "thumbnail", "saved_on"]
COLUMNS += ["search_text", "search_terms"]


async def search(reader: Executor, user_id: int, q: str) -> KeysetPage:
    """Return the first page of what this person finds."""
    query = parse(user_id, q)
    assert query is not None
    indexed = await by_index(reader, query)
    return await (FOUND if indexed else CONTENTS).page(
        reader, limit=50, user_id=user_id, **query.parameters(by_index=indexed)
    )


def spent(postgresql: PostgreSQL, before: dict[int, float]) -> float:
    """Return PostgreSQL's processor time since `before`, in milliseconds."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in postgresql.cpu().items()) * 1000


async def measure_searches(reader: Executor, user_id: int, postgresql: PostgreSQL) -> None:
    """Print how long each kind of query takes: both of its statements, one query at a time."""
    took: dict[str, list[float]] = {name: [] for name in QUERIES}
    cpu = dict.fromkeys(QUERIES, 0.0)
    items = {name: len(orjson.loads((await search(reader, user_id, q)).items)) for name, q in QUERIES.items()}
    for _ in range(ROUNDS):
        for name, q in QUERIES.items():
            before = postgresql.cpu()
            for _ in range(SEARCHES):
                started = time.perf_counter()
                await search(reader, user_id, q)
                took[name].append((time.perf_counter() - started) * 1000)
            cpu[name] += spent(postgresql, before)
    print(f"{'':28} {'on the page':>12} {'p50 ms':>8} {'p95 ms':>8} {'PostgreSQL CPU ms':>18}")
    for name, milliseconds in took.items():
        p50, p95 = statistics.median(milliseconds), statistics.quantiles(milliseconds, n=20)[18]
        print(f"{name:28} {items[name]:>12} {p50:>8.2f} {p95:>8.2f} {cpu[name] / len(milliseconds):>18.2f}")


async def measure_inserts(engine: AsyncEngine, user_id: int, postgresql: PostgreSQL, *, indexed: bool) -> float:
    """Return what it costs to insert one content, in milliseconds of PostgreSQL's processor time."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        before = postgresql.cpu()
        for number, page in zip(range(INSERTS), pages(random.Random(8)), strict=False):
            folded = search_text(*page)
            terms = index_terms(user_id, folded)
            values = (user_id, "", f"{number}", "post", *page, None, dt.date(2026, 11, 22), folded, terms)
            await connection.execute(insert(Content), dict(zip(COLUMNS, values, strict=True)))
        if indexed:
            # Inserts only note down what belongs into a GIN index; putting it there is part of their cost.
            await connection.execute(text("SELECT gin_clean_pending_list('ix_contents_search_terms')"))
        cost = spent(postgresql, before) / INSERTS
        await connection.rollback()
    return cost


async def measure(server: str) -> None:
    """Fill a database, and print all figures."""
    index = next(index for index in metadata.tables["contents"].indexes if index.name == "ix_contents_search_terms")
    async with new_database(server, "daybook_search") as url:
        engine = create_async_engine(url, poolclass=NullPool)
        async with engine.begin() as connection:
            await connection.run_sync(index.drop)
        user_id = await fill(url)
        postgresql = await find_postgresql(server)
        without = await measure_inserts(engine, user_id, postgresql, indexed=False)
        started = time.perf_counter()
        async with engine.begin() as connection:
            await connection.run_sync(index.create)
        print(f"{machine()}\nbuilding the index: {time.perf_counter() - started:.0f} s", flush=True)
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            await connection.execute(text("VACUUM ANALYZE"))
            for name in ("contents", index.name):
                size = await connection.scalar(text(f"SELECT pg_relation_size('{name}')"))
                print(f"{name}: {size / 1e6:.0f} MB")
        settings = Settings(_env_file=None, database_url=url, debug=False, log_level="WARNING", migrate=False)
        database = open_database(url, settings)
        await measure_searches(database.reader, user_id, postgresql)
        await database.close()
        cost = await measure_inserts(engine, user_id, postgresql, indexed=True)
        print(f"inserting a content: {cost:.2f} ms of PostgreSQL's processor time, {without:.2f} without the index")
        await engine.dispose()


def main() -> None:
    """Measure on a server of its own, or on that of BENCH_DATABASE_URL."""
    with database_server() as server:
        uvloop.run(measure(server))


if __name__ == "__main__":
    main()
