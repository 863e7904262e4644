// node-json: the same application tuned as `bare` is. PostgreSQL writes the JSON, which goes out as the bytes that
// came in; a token that was found good is remembered.

import { v7 as uuid7 } from 'uuid'

import { requests, responses } from './schemas.js'

export const connection = { plan_cache_mode: 'force_generic_plan', random_page_cost: '1.1' }
export const remembersTokens = true

const arrayOf = (rows) =>
  `SELECT '[' || coalesce(string_agg(row_to_json(item)::text, ','), '') || ']' FROM (${rows}) item`

const FOOD_LOG = `
  SELECT f.id, u.user_key AS "userKey", f.meal_type AS "mealType", f.is_healthy AS "isHealthy",
         f.estimated_calories AS "estimatedCalories", f.date, f.note, f.photo_id AS "photoId",
         f.analysis_id AS "analysisId", f.content_id AS "contentId",
         ARRAY(SELECT ingredient FROM (
           SELECT i.name, i.color, i.grams, i.calories FROM food_ingredients i
           WHERE i.food_log_id = f.id ORDER BY i.position
         ) ingredient) AS ingredients,
         ARRAY(SELECT t.tagname FROM food_log_tag ft JOIN tags t ON t.id = ft.tag_id
               WHERE ft.food_log_id = f.id ORDER BY t.tagname) AS tags,
         f.created_at AS "createdAt", f.updated_at AS "updatedAt"
  FROM food_logs f JOIN users u ON u.id = f.user_id WHERE f.user_id = $1`
const NEWEST = 'ORDER BY f.date DESC, f.id DESC'
const TODAY = arrayOf(`
  ${FOOD_LOG} AND f.date = (SELECT (now() AT TIME ZONE timezone)::date FROM users WHERE id = $1) ORDER BY f.id`)
const ONE = `SELECT row_to_json(item) FROM (${FOOD_LOG} AND f.id = $2) item`

const CONTENT = `
  SELECT c.id, c.url, c.title, c.content_type AS "contentType", c.description, c.note, c.thumbnail, c.favicon,
         c.bookmark, c.saved_on AS "savedOn", v.video_length AS "videoLength", p.body,
         ARRAY(SELECT t.tagname FROM content_tag ct JOIN tags t ON t.id = ct.tag_id
               WHERE ct.content_id = c.id ORDER BY t.tagname) AS tags,
         c.created_at AS "createdAt", c.updated_at AS "updatedAt"
  FROM contents c LEFT JOIN video_metadata v ON v.content_id = c.id LEFT JOIN post_metadata p ON p.content_id = c.id`
const LAST_SAVED = 'ORDER BY c.saved_on DESC, c.id DESC LIMIT $2'
const CONTENTS = arrayOf(`${CONTENT} WHERE c.user_id = $1 ${LAST_SAVED}`)
const BOOKMARKS = arrayOf(`${CONTENT} WHERE c.user_id = $1 AND c.bookmark ${LAST_SAVED}`)
const TAGGED = arrayOf(`
  ${CONTENT} JOIN content_tag tagged ON tagged.content_id = c.id
  WHERE c.user_id = $1 AND tagged.tag_id = $3 ${LAST_SAVED}`)

const ARTICLE = `
  SELECT a.id, a.title, a.body, a.topics,
         (SELECT author FROM (SELECT u.id, u.username) author) AS author,
         a.item_count AS "itemCount", a.thumbnails,
         (SELECT count(*) FROM comments c WHERE c.article_id = a.id) AS "commentCount",
         a.up_count AS "upCount", a.down_count AS "downCount",
         a.created_at AS "createdAt", a.updated_at AS "updatedAt"
  FROM articles a JOIN users u ON u.id = a.user_id`
const POPULAR = 'ORDER BY a.down_count DESC, a.id DESC'

// A page of the rows, and the sort key of the last one shown if the list goes on behind it.
const pageOf = (rows, key, table, limit) => `
  SELECT (${arrayOf(`${rows} LIMIT ${limit}`)}),
         (SELECT (array_agg(key))[1] FROM (SELECT ${key} AS key FROM ${table} OFFSET ${limit} - 1 LIMIT 2) keys
          HAVING count(*) = 2)`
const LIST = pageOf(
  `${FOOD_LOG} ${NEWEST}`,
  `'["' || f.date || '","' || f.id || '"]'`,
  `food_logs f WHERE f.user_id = $1 ${NEWEST}`,
  '$2',
)
const ARTICLES = pageOf(
  `${ARTICLE} ${POPULAR}`,
  `'["popular",' || a.down_count || ',' || a.id || ']'`,
  `articles a ${POPULAR}`,
  '$1',
)

const INSERT = `
  WITH log AS (
    INSERT INTO food_logs (id, user_id, meal_type, is_healthy, estimated_calories, date, note)
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
  )
  INSERT INTO food_ingredients (food_log_id, position, name, color, grams, calories)
  SELECT log.id, i.position - 1, i.name, i.color, i.grams, i.calories
  FROM log, unnest($8::text[], $9::text[], $10::float8[], $11::int[]) WITH ORDINALITY
       AS i (name, color, grams, calories, position)`

export default async function pages(app, { sql }) {
  // Columns as the bytes that PostgreSQL sent.
  const first = async (text, ...parameters) => (await sql.unsafe(text, parameters, { prepare: true }).raw())[0]

  const sendArray = async (reply, text, ...parameters) => {
    const [body] = await first(text, ...parameters)
    return reply.type('application/json').send(body)
  }
  const sendPage = async (reply, text, ...parameters) => {
    const [items, key] = await first(text, ...parameters)
    const cursor = key === null ? 'null' : `"${key.toString('base64url')}"`
    return reply.type('application/json').send(Buffer.concat([
      Buffer.from('{"items":'), items, Buffer.from(`,"nextCursor":${cursor}}`),
    ]))
  }

  app.get('/api/log/food/today', ({ user }, reply) => sendArray(reply, TODAY, user.id))

  app.get('/api/log/food', { schema: requests.list }, ({ query, user }, reply) =>
    sendPage(reply, LIST, user.id, query.limit))

  app.get('/api/log/food/:id', { schema: requests.one }, async ({ params, user }, reply) => {
    const row = await first(ONE, user.id, params.id)
    return row ? reply.type('application/json').send(row[0]) : reply.code(404).send()
  })

  app.post('/api/log/food', { schema: { ...requests.write, response: responses.logged } }, async (request, reply) => {
    const { ingredients, ...meal } = request.body
    const id = uuid7()
    await sql.unsafe(INSERT, [
      id, request.user.id, meal.mealType, meal.isHealthy, meal.estimatedCalories, meal.date, meal.note,
      ...['name', 'color', 'grams', 'calories'].map((column) => ingredients.map((row) => row[column])),
    ], { prepare: true })
    return reply.code(201).send({ id, message: 'Logged.' })
  })

  const contentsOf = (text) => ({ params, query, user }, reply) =>
    params.userId === user.id ? sendArray(reply, text, user.id, query.limit) : reply.code(404).send()
  app.get('/api/contents/user/:userId/all', { schema: requests.contents }, contentsOf(CONTENTS))
  app.get('/api/contents/bookmarks/user/:userId', { schema: requests.contents }, contentsOf(BOOKMARKS))

  app.get('/api/tags/:tagId/contents/all', { schema: requests.tagged }, ({ params, query, user }, reply) =>
    sendArray(reply, TAGGED, user.id, query.limit, params.tagId))

  app.get('/api/articles', { schema: requests.articles }, ({ query }, reply) => sendPage(reply, ARTICLES, query.limit))
}
