"""Mapped classes as other people write them, for the tests of what a projection refuses of them and what it takes."""

import datetime as dt
import enum
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Double,
    Enum,
    ForeignKey,
    Interval,
    MetaData,
    Numeric,
    String,
    Text,
    TypeDecorator,
    and_,
    case,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    attribute_keyed_dict,
    column_property,
    composite,
    mapped_column,
    relationship,
    synonym,
)


class Base(DeclarativeBase):
    metadata = MetaData(schema="foreign_models")


class Mood(enum.Enum):
    HAPPY = "happy :)"
    SAD = "sad"


class Upper(TypeDecorator[str]):
    """Changes what it reads."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: str | None, _dialect: Any) -> str | None:
        return value and value.upper()


class Team(Base):
    __tablename__ = "teams"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    motto: Mapped[str | None]


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y


class Person(Base):
    __tablename__ = "people"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("foreign_models.teams.id"))
    other_team_id: Mapped[int | None] = mapped_column(ForeignKey("foreign_models.teams.id"))
    team_number: Mapped[int]
    """Leads to a team without a foreign key."""
    name: Mapped[str]
    nick: Mapped[str | None]
    email: Mapped[str] = mapped_column("email_address")
    age: Mapped[int]
    active: Mapped[bool]
    score: Mapped[float] = mapped_column(Double)
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    key: Mapped[UUID]
    born: Mapped[dt.date]
    seen: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
    local: Mapped[dt.datetime | None] = mapped_column(DateTime)
    words: Mapped[list[str]] = mapped_column(ARRAY(String))
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    mood: Mapped[Mood] = mapped_column(Enum(Mood, schema="foreign_models"))
    loose_mood: Mapped[Mood] = mapped_column(Enum(Mood, native_enum=False))
    loose_moods: Mapped[list[Mood]] = mapped_column(ARRAY(Enum(Mood, native_enum=False)))
    decorated: Mapped[str | None] = mapped_column(Upper)
    address: Mapped[str | None] = mapped_column(INET)
    pause: Mapped[dt.timedelta | None] = mapped_column(Interval)
    x: Mapped[int]
    y: Mapped[int]

    place: Mapped[Point] = composite(Point, "x", "y")
    alias_name = synonym("name")

    team: Mapped[Team] = relationship(foreign_keys=[team_id])
    other_team: Mapped[Team | None] = relationship(foreign_keys=[other_team_id])
    numbered_team: Mapped[Team] = relationship(primaryjoin="foreign(Person.team_number) == Team.id", viewonly=True)
    winning_team: Mapped[Team] = relationship(
        primaryjoin=lambda: and_(Person.team_id == Team.id, Team.name == "winners"),
        foreign_keys=[team_id],
        viewonly=True,
    )
    pets: Mapped[list["Pet"]] = relationship(order_by="Pet.id")
    pets_by_name: Mapped[dict[str, "Pet"]] = relationship(collection_class=attribute_keyed_dict("name"), viewonly=True)
    pet_set: Mapped[set["Pet"]] = relationship(viewonly=True)
    dogs: Mapped[list["Dog"]] = relationship(viewonly=True)
    pet_names: AssociationProxy[list[str]] = association_proxy("pets", "name")
    pet_nicks: AssociationProxy[list[str]] = association_proxy("pets", "nick")
    pet_owners: AssociationProxy[list["Person"]] = association_proxy("pets", "owner")
    team_name: AssociationProxy[str] = association_proxy("team", "name")

    @hybrid_property
    def shout(self) -> str:
        return self.name + "!"

    @property
    def loud(self) -> str:
        return self.name.upper()


class Pet(Base):
    """A hierarchy in one table."""

    __tablename__ = "pets"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("foreign_models.people.id"))
    kind: Mapped[str] = mapped_column(Enum("pet", "dog", native_enum=False, create_constraint=True, name="kind"))
    name: Mapped[str]
    nick: Mapped[str | None]

    owner: Mapped[Person] = relationship(viewonly=True)

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "pet"}


class Dog(Pet):
    __mapper_args__ = {"polymorphic_identity": "dog"}


class Vehicle(Base):
    """A hierarchy in tables of their own."""

    __tablename__ = "vehicles"

    id: Mapped[int] = mapped_column(primary_key=True)
    wheels: Mapped[int]


class Truck(Vehicle):
    __tablename__ = "trucks"

    id: Mapped[int] = mapped_column(ForeignKey("foreign_models.vehicles.id"), primary_key=True)
    load: Mapped[int]


Person.parrot = relationship(
    aliased(Pet, select(Pet).where(Pet.kind == "parrot").subquery("parrots")), viewonly=True, uselist=False
)

_pets = select(func.count()).where(Pet.owner_id == Person.id).correlate_except(Pet)
Person.pet_count = column_property(_pets.scalar_subquery())
Person.pet_count_of_a_kind = column_property(_pets.group_by(Pet.kind).limit(1).scalar_subquery())
Person.last_pet_id = column_property(
    select(func.max(Pet.id)).where(Pet.owner_id == Person.id).correlate_except(Pet).scalar_subquery()
)
Person.last_pet_id_or_0 = column_property(
    select(func.coalesce(func.max(Pet.id), 0)).where(Pet.owner_id == Person.id).correlate_except(Pet).scalar_subquery()
)
Person.has_pets = column_property(select(Pet.id).where(Pet.owner_id == Person.id).correlate_except(Pet).exists())
Person.label = column_property(Person.name + " <" + Person.email + ">")
Person.nick_label = column_property(Person.name + " " + Person.nick)
Person.called = column_property(func.coalesce(Person.nick, Person.name))
Person.lower_name = column_property(func.lower(Person.name, type_=String))
Person.theme = column_property(Person.document["theme"].astext)
Person.size = column_property(case((Person.age < 18, "small"), else_="large"))
Person.size_or_null = column_property(case((Person.age < 18, "small")))


class TeamTotal(Base):
    """A GROUP BY."""

    __table__ = (
        select(Person.team_id, func.count().label("members"), func.sum(Person.age).label("years"))
        .group_by(Person.team_id)
        .subquery("team_totals")
    )
    __mapper_args__ = {"primary_key": [__table__.c.team_id]}

    team_id: Mapped[int]
    team: Mapped[Team] = relationship(
        primaryjoin=lambda: TeamTotal.team_id == Team.id, foreign_keys=lambda: TeamTotal.team_id, viewonly=True
    )


class Entry(Base):
    """A UNION ALL."""

    __table__ = union_all(
        select(Team.id, literal("team", Text).label("kind"), Team.name, Team.motto.label("remark")),
        select(Pet.id, literal("pet", Text), Pet.name, Pet.name),
    ).subquery("entries")
    __mapper_args__ = {"primary_key": [__table__.c.kind, __table__.c.id]}


class TeamPerson(Base):
    """An outer join in a sub-select: what is never null in its table may be null here."""

    __table__ = (
        select(Team.id, Team.name, Person.name.label("person"))
        .outerjoin(Person, Person.team_id == Team.id)
        .subquery("team_people")
    )
    __mapper_args__ = {"primary_key": [__table__.c.id, __table__.c.person]}


class Joined(Base):
    """An outer join itself."""

    __table__ = Team.__table__.outerjoin(Person.__table__, Person.__table__.c.team_id == Team.__table__.c.id)

    id = column_property(Team.__table__.c.id)
    name = column_property(Team.__table__.c.name)
    age = column_property(Person.__table__.c.age)
    person_id = Person.__table__.c.id
    person_name = Person.__table__.c.name
