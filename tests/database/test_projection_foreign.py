"""Other people's models and schemas: each is either refused where it is declared, or comes out as their entities do."""

import datetime as dt
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    Json,
    PlainSerializer,
    PlainValidator,
    PositiveInt,
    PydanticDeprecatedSince20,
    RootModel,
    SecretStr,
    SerializerFunctionWrapHandler,
    StringConstraints,
    WrapSerializer,
    WrapValidator,
    computed_field,
    create_model,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from sqlalchemy import bindparam, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from daybook.database.executor import SessionExecutor
from daybook.database.projection import Projection, ProjectionError, Stored
from tests.database.foreign_models import (
    Base,
    Dog,
    Entry,
    Joined,
    Mood,
    Person,
    Pet,
    Team,
    TeamPerson,
    TeamTotal,
    Truck,
    Vehicle,
)
from tests.fixtures.generated_rows import Generator


class Read(BaseModel):
    model_config = ConfigDict(from_attributes=True)


def read(base: type[BaseModel] = Read, /, **fields: Any) -> type[BaseModel]:
    """Return a schema of these fields, each a type or a type and a default."""
    declared: dict[str, Any] = {name: kind if isinstance(kind, tuple) else (kind, ...) for name, kind in fields.items()}
    return create_model("Shown", __base__=base, **declared)


def configured(**config: Any) -> type[BaseModel]:
    settings: Any = {"from_attributes": True} | config
    return create_model("Configured", __config__=settings)


def masked(address: str) -> str:
    return address[:1] + "***"


class PetRead(Read):
    name: str
    kind: str


class TeamRead(Read):
    name: str


class WrapSerialized(Read):
    name: str

    @model_serializer(mode="wrap")
    def _without_name(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**handler(self), "name": "?"}


class PlainSerialized(Read):
    name: str

    @model_serializer
    def _as_text(self) -> str:
        return self.name


class FieldSerialized(Read):
    email: str

    @field_serializer("email")
    def _mask(self, address: str) -> str:
        return masked(address)


class AllSerialized(Read):
    name: str

    @field_serializer("*")
    def _mask(self, value: str) -> str:
        return masked(value)


class FieldValidated(Read):
    name: str

    @field_validator("name")
    @classmethod
    def _strip(cls, name: str) -> str:
        return name.strip()


class ValidatedBefore(Read):
    name: str

    @model_validator(mode="before")
    @classmethod
    def _any(cls, values: Any) -> Any:
        return values


class ValidatedAfter(Read):
    name: str

    @model_validator(mode="after")
    def _rename(self) -> "ValidatedAfter":
        return self


class WithInit(Read):
    name: str

    def __init__(self, **values: Any) -> None:
        super().__init__(**values | {"name": "?"})


class WithPostInit(Read):
    name: str

    def model_post_init(self, _context: Any, /) -> None:
        self.name = "?"


class WithPrivate(Read):
    name: str
    _seen: int = 0


class WithPrivateAndPostInit(WithPrivate):
    def model_post_init(self, _context: Any, /) -> None:
        self.name = "?"


class Computed(Read):
    name: str

    @computed_field
    def loud(self) -> str:
        return self.name.upper()


class Names(RootModel[list[str]]):
    pass


with pytest.warns(PydanticDeprecatedSince20):

    class Encoded(Read):
        model_config = ConfigDict(json_encoders={dt.date: lambda day: day.year})

        born: dt.date


class NestedValidated(Read):
    pets: list[FieldValidated]


Masked = Annotated[str, PlainSerializer(masked)]
NoteRead = Annotated[str, AfterValidator(str.lower)]
FROM_TEAM = Field(validation_alias=AliasPath("other_team", "name"))

REFUSED: dict[str, tuple[type[BaseModel], type[Any], str]] = {
    # Serializers that look at the value
    "mask": (read(email=Masked), Person, r"Shown\.email: its serializer may look at the value"),
    "mask or none": (read(nick=Masked | None), Person, "its serializer may look"),
    "mask by wrap": (read(email=Annotated[str, WrapSerializer(lambda v, h: masked(h(v)))]), Person, "its serializer"),
    "mask by field_serializer": (FieldSerialized, Person, "its serializer"),
    "mask by field_serializer of all": (AllSerialized, Person, "its serializer"),
    "mask in a list": (read(words=list[Masked]), Person, "its serializer"),
    "mask a proxy's values": (read(pet_names=list[Masked]), Person, "its serializer"),
    "number as text": (read(id=Annotated[int, PlainSerializer(str)]), Person, "its serializer"),
    "years of days": (read(born=Annotated[dt.date, PlainSerializer(lambda day: day.year)]), Person, "its serializer"),
    "json_encoders": (Encoded, Person, "its serializer"),
    "secret": (read(name=SecretStr), Person, r"Shown\.name"),
    "document's serializer": (
        read(document=Annotated[dict[str, Any], PlainSerializer(lambda _: {})]),
        Person,
        "its serializer",
    ),
    "epoch": (read(seen=Annotated[dt.datetime, PlainSerializer(dt.datetime.timestamp)]), Person, "it writes"),
    "epoch by configuration": (read(configured(ser_json_temporal="seconds"), seen=dt.datetime), Person, "it writes"),
    "a day of a time": (
        read(seen=Annotated[dt.datetime, PlainSerializer(lambda m: m.isoformat()[:10])]),
        Person,
        "it writes",
    ),
    "rounded": (read(score=Annotated[float, PlainSerializer(lambda v: round(v, 2))]), Person, "it writes"),
    "yes or no": (read(active=Annotated[bool, PlainSerializer(lambda v: "yes" if v else "no")]), Person, "it writes"),
    "names of members": (read(mood=Annotated[Mood, PlainSerializer(lambda m: m.name)]), Person, "it writes"),
    "NaN": (read(configured(ser_json_inf_nan="constants"), score=float), Person, "it writes"),
    "a number of nothing": (
        read(other_team_id=Annotated[float | None, PlainSerializer(lambda v: v or 0)]),
        Person,
        "serializer may look",
    ),
    "model_serializer wrap": (WrapSerialized, Person, r"is written by .*_without_name"),
    "model_serializer plain": (PlainSerialized, Person, r"is written by .*_as_text"),
    "nested model_serializer": (read(team=WrapSerialized), Person, "is written by"),
    "exclude_if": (read(nick=(Annotated[str | None, Field(exclude_if=lambda v: v is None)], None)), Person, "left out"),
    "computed": (Computed, Person, "computed in Python"),
    # Validators that may change a value
    "AfterValidator": (read(name=Annotated[str, AfterValidator(str.title)]), Person, r"is validated by str\.title"),
    "BeforeValidator": (read(name=Annotated[str, BeforeValidator(str.title)]), Person, "is validated by"),
    "WrapValidator": (read(name=Annotated[str, WrapValidator(lambda v, h: h(v))]), Person, "is validated by"),
    "PlainValidator": (read(name=Annotated[str, PlainValidator(str.title)]), Person, "is validated by"),
    "in a list": (read(words=list[NoteRead]), Person, "is validated by"),
    "or none": (read(nick=NoteRead | None), Person, "is validated by"),
    "field_validator": (FieldValidated, Person, r"is validated by FieldValidated\._strip"),
    "nested field_validator": (NestedValidated, Person, r"FieldValidated\.name is validated by"),
    "model_validator before": (ValidatedBefore, Person, "ValidatedBefore is validated by"),
    "model_validator after": (ValidatedAfter, Person, "ValidatedAfter is validated by"),
    "nested model_validator": (read(pets=list[ValidatedAfter]), Person, "is validated by"),
    "to_lower": (read(name=Annotated[str, StringConstraints(to_lower=True)]), Person, "has its text changed"),
    "strip": (read(name=Annotated[str, StringConstraints(strip_whitespace=True)]), Person, "has its text changed"),
    "strip, then check": (
        read(name=Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(str)]),
        Person,
        "Shown.name",
    ),
    "strip by configuration": (read(configured(str_strip_whitespace=True), name=str), Person, "str_strip_whitespace"),
    "upper by configuration": (read(configured(str_to_upper=True), name=str), Person, "str_to_upper"),
    "__init__": (WithInit, Person, "has an __init__ of its own"),
    "model_post_init": (WithPostInit, Person, "has a model_post_init"),
    "model_post_init beside private ones": (WithPrivateAndPostInit, Person, "has a model_post_init"),
    "JSON in text": (read(name=Json), Person, "is validated by json"),
    "left to right": (
        read(name=Annotated[int | str, Field(union_mode="left_to_right")]),
        Person,
        "first type that fits",
    ),
    "a switch as a number": (read(active=int), Person, "it writes 1 where PostgreSQL writes True"),
    "a number as a switch": (read(age=bool), Person, r"Shown\.age"),
    "a number as text": (read(configured(coerce_numbers_to_str=True), age=str), Person, "it writes '7'"),
    "a decimal as a float": (read(price=int), Person, r"Shown\.price"),
    "an e-mail address": (read(email=EmailStr), Person, r"Shown\.email"),
    # Where a value comes from
    "alias of another attribute": (read(shown=Annotated[str, Field(alias="missing")]), Person, "maps to nothing"),
    "choices of nothing": (
        read(shown=Annotated[str, Field(validation_alias=AliasChoices("a", "b"))]),
        Person,
        "maps to nothing",
    ),
    "alias that only the wire has": (read(configured(alias_generator=to_camel), pet_count=int), Person, "'petCount'"),
    "an item of a list": (read(a=Annotated[str, Field(validation_alias=AliasPath("pets", 0))]), Person, "to-one"),
    "a key of a document": (
        read(theme=Annotated[Any, Field(validation_alias=AliasPath("document", "theme"))]),
        Person,
        "to-one",
    ),
    "hybrid": (read(shout=str), Person, "maps to nothing"),
    "property": (read(loud=str), Person, "maps to nothing"),
    "synonym": (read(alias_name=str), Person, "maps to nothing"),
    "composite": (read(place=Any), Person, "maps to nothing"),
    "root model": (Names, Person, "has no fields"),
    "type decorator": (read(decorated=str | None), Person, "not supported"),
    "network address": (read(address=str | None), Person, "not supported"),
    "interval": (read(pause=dt.timedelta | None), Person, "not supported"),
    "timestamp without zone": (read(local=dt.datetime | None), Person, "not supported"),
    "two of one name": (
        read(name=str, email=Annotated[str, Field(serialization_alias="name")]),
        Person,
        "two fields .* 'name'",
    ),
    "too long a name": (read(name=Annotated[str, Field(serialization_alias="n" * 64)]), Person, "more than 63 bytes"),
    # What may be null
    "null column": (read(nick=str), Person, "may be null"),
    "null item is no null": (read(nick=list[str | None]), Person, "may be null"),
    "null by an outer join": (read(a=(Annotated[str | None, FROM_TEAM], "?")), Person, "may be no row"),
    "no default": (read(a=Annotated[str | None, FROM_TEAM]), Person, "may be no row"),
    "no foreign key": (read(numbered_team=TeamRead), Person, "may be absent"),
    "more than a foreign key": (read(winning_team=TeamRead), Person, "may be absent"),
    "null relationship": (read(other_team=TeamRead), Person, "may be absent"),
    "max": (read(last_pet_id=int), Person, "may be null"),
    "count of groups": (read(pet_count_of_a_kind=int), Person, "may be null"),
    "text and null": (read(nick_label=str), Person, "may be null"),
    "out of a document": (read(theme=str), Person, "may be null"),
    "case without else": (read(size_or_null=str), Person, "may be null"),
    "null in a proxy's values": (read(pet_nicks=list[str]), Person, "may hold null"),
    "sum of a sub-select": (read(years=int), TeamTotal, "may be null"),
    "null in one branch of a union": (read(remark=str), Entry, "may be null"),
    "outer join in a sub-select": (read(person=str), TeamPerson, "may be null"),
    "outer join": (read(age=int), Joined, "may be null"),
    "any text as a member": (read(loose_mood=Mood), Person, "nothing keeps the database"),
    "any text as members": (read(loose_moods=list[Mood]), Person, "nothing keeps the database"),
    # What a class or relationship is
    "part of a table": (PetRead, Dog, "Dog shares its table with Pet"),
    "related part of a table": (read(dogs=list[PetRead]), Person, r"Shown\.dogs: Dog shares its table with Pet"),
    "relationship to a sub-select": (read(parrot=PetRead | None), Person, "leads to a sub-select"),
    "dictionary": (read(pets_by_name=list[PetRead]), Person, "is no list"),
    "set": (read(pet_set=list[PetRead]), Person, "is no list"),
    "proxy of one": (read(team_name=list[str]), Person, "association proxy of something else"),
    "proxy of entities": (read(pet_owners=list[Any]), Person, "association proxy of something else"),
}

TAKEN: dict[str, tuple[type[BaseModel], type[Any]]] = {
    "plain": (read(id=int, name=str, nick=str | None, active=bool, score=float, price=Decimal, key=UUID), Person),
    "times": (read(born=dt.date, seen=AwareDatetime), Person),
    "documents and lists": (read(document=dict[str, Any], words=list[str], mood=Mood), Person),
    "constraints only check": (read(age=PositiveInt, name=Annotated[str, Field(min_length=1)]), Person),
    "bounds of a wrapped type": (read(price=Annotated[Decimal, Field(ge=0, max_digits=12)]), Person),
    "column of another name": (read(email=str), Person),
    "alias of an attribute": (read(shown=Annotated[str, Field(validation_alias="name")]), Person),
    "alias that is an attribute, too": (
        read(configured(validate_by_name=True), name=Annotated[str, Field(alias="email")]),
        Person,
    ),
    "first choice that there is": (
        read(shown=Annotated[str, Field(validation_alias=AliasChoices("title", AliasPath("team", "name")))]),
        Person,
    ),
    "camel case": (read(configured(alias_generator=to_camel, validate_by_name=True), pet_count=int), Person),
    "stored as checked": (read(name=Annotated[str, StringConstraints(strip_whitespace=True), Stored()]), Person),
    "all below is stored as checked": (read(pets=Annotated[list[FieldValidated], Stored()]), Person),
    "private attributes": (WithPrivate, Person),
    "floats of decimals": (read(price=Annotated[Decimal, PlainSerializer(float)]), Person),
    "values of members": (read(mood=Annotated[Mood, PlainSerializer(lambda mood: mood.value)]), Person),
    "to-one and to-many": (read(team=TeamRead, other_team=TeamRead | None, pets=list[PetRead]), Person),
    "through a to-one": (read(a=(Annotated[str | None, FROM_TEAM], None)), Person),
    "a proxy's values": (read(pets=list[PetRead]), Person),
    "expressions that are never null": (
        read(pet_count=int, has_pets=bool, label=str, called=str, lower_name=str, size=str, last_pet_id_or_0=int),
        Person,
    ),
    "expressions that may be": (
        read(last_pet_id=int | None, nick_label=str | None, theme=Any, size_or_null=str | None),
        Person,
    ),
    "a base class": (PetRead, Pet),
    "a base class of tables": (read(id=int, wheels=int), Vehicle),
    "a class in two tables": (read(id=int, wheels=int, load=int), Truck),
    "GROUP BY": (read(team_id=int, members=int, years=int | None, team=TeamRead | None), TeamTotal),
    "UNION ALL": (read(id=int, kind=str, name=str, remark=str | None), Entry),
    "an outer join": (read(id=int | None, name=str | None, age=int | None, person_name=str | None), Joined),
}


def cases(known: dict[str, Any]) -> Any:
    return [pytest.param(*case, id=name) for name, case in known.items()]


@pytest.mark.parametrize(("schema", "mapped", "message"), cases(REFUSED))
def test_refused(schema: type[BaseModel], mapped: type[Any], message: str) -> None:
    with pytest.raises(ProjectionError, match=message) as refused:
        Projection(schema, mapped)
    assert str(refused.value).endswith("."), "a fault, and what to do"


CRITERIA: dict[str, Callable[[], dict[str, Any]]] = {
    "where": lambda: {"where": [Team.name == bindparam("name")]},
    "optional": lambda: {"optional": [Team.name == bindparam("name")]},
    "order_by": lambda: {"order_by": [Team.name], "pages": False},
    "a join written as a criterion": lambda: {"where": [Person.team_id == Team.id]},
}


@pytest.mark.parametrize("criteria", cases({name: (made,) for name, made in CRITERIA.items()}))
def test_a_criterion_of_a_class_that_nothing_joins(criteria: Callable[[], dict[str, Any]]) -> None:
    with pytest.raises(ProjectionError, match=r"of foreign_models\.teams, which nothing joins"):
        Projection(read(name=str), Person, **criteria())


@pytest.fixture(scope="module")
async def session(database_url: str) -> AsyncIterator[AsyncSession]:
    """A session on a database that has the tables, and generated rows in them."""
    engine: AsyncEngine = create_async_engine(database_url, connect_args={"server_settings": {"timezone": "UTC"}})
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA IF EXISTS foreign_models CASCADE"))
        await connection.execute(text("CREATE SCHEMA foreign_models"))
        await connection.run_sync(Base.metadata.create_all)
        await Generator(seed=7).fill(connection, Base.metadata, rows=9)
    async with AsyncSession(engine) as opened:
        yield opened
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA foreign_models CASCADE"))
    await engine.dispose()


@pytest.mark.parametrize(("schema", "mapped"), cases(TAKEN))
async def test_taken(session: AsyncSession, schema: type[BaseModel], mapped: type[Any]) -> None:
    key = inspect(mapped).primary_key
    projection = Projection(schema, mapped, order_by=key, pages=False)
    session.expunge_all()
    entities = (await session.scalars(select(mapped).options(*projection.options()).order_by(*key))).all()
    shown = [schema.model_validate(entity).model_dump(mode="json", by_alias=True) for entity in entities]
    assert len(shown) >= 3
    assert json.loads(await projection.json(SessionExecutor(session))) == shown
