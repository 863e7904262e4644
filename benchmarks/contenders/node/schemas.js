// What the pages take and give, as JSON Schema: Fastify compiles the first to validators, the second to serializers.

const text = { type: 'string' }
const integer = { type: 'integer' }
const optional = ({ type }) => ({ type: [type, 'null'] })
const arrayOf = (items) => ({ type: 'array', items })
const object = (properties, required = []) => ({ type: 'object', properties, required })
const pageOf = (items) => object({ items: arrayOf(items), nextCursor: optional(text) })

const limit = { type: 'integer', minimum: 1, maximum: 300, default: 50 }
const userId = object({ userId: integer }, ['userId'])

const ingredient = object(
  { name: text, color: text, grams: { type: ['number', 'null'] }, calories: optional(integer) },
  ['name', 'color'],
)

const foodLog = object({
  id: text,
  userKey: text,
  mealType: optional(text),
  isHealthy: { type: ['boolean', 'null'] },
  estimatedCalories: optional(integer),
  date: text,
  note: optional(text),
  photoId: optional(text),
  analysisId: optional(text),
  contentId: optional(integer),
  ingredients: arrayOf(ingredient),
  tags: arrayOf(text),
  createdAt: text,
  updatedAt: text,
})

const content = object({
  id: integer,
  url: text,
  title: text,
  contentType: text,
  description: optional(text),
  note: optional(text),
  thumbnail: optional(text),
  favicon: optional(text),
  bookmark: { type: 'boolean' },
  savedOn: text,
  videoLength: optional(integer),
  body: optional(text),
  tags: arrayOf(text),
  createdAt: text,
  updatedAt: text,
})

const article = object({
  id: integer,
  title: text,
  body: text,
  topics: arrayOf(text),
  author: object({ id: integer, username: text }),
  itemCount: integer,
  thumbnails: arrayOf(text),
  commentCount: integer,
  upCount: integer,
  downCount: integer,
  createdAt: text,
  updatedAt: text,
})

export const requests = {
  list: { querystring: object({ limit }) },
  one: { params: object({ id: { type: 'string', format: 'uuid' } }, ['id']) },
  contents: { params: userId, querystring: object({ limit }) },
  tagged: { params: object({ tagId: integer }, ['tagId']), querystring: object({ limit }) },
  articles: { querystring: object({ feed: { const: 'popular' }, limit }, ['feed']) },
  write: {
    body: object(
      {
        mealType: { enum: ['breakfast', 'lunch', 'dinner', 'snack', null] },
        isHealthy: { type: ['boolean', 'null'] },
        estimatedCalories: optional(integer),
        ingredients: arrayOf(ingredient),
        date: { type: 'string', format: 'date' },
        note: optional(text),
      },
      ['date'],
    ),
  },
}

export const responses = {
  foodLogs: { 200: arrayOf(foodLog) },
  foodLogPage: { 200: pageOf(foodLog) },
  foodLog: { 200: foodLog },
  contents: { 200: arrayOf(content) },
  articlePage: { 200: pageOf(article) },
  logged: { 201: object({ id: text, message: text }) },
}
