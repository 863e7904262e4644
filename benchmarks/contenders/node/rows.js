// node: as users of Fastify and postgres.js write it. Children come as json_agg, rows as objects, and Fastify writes
// the JSON by the response's schema.

import { v7 as uuid7 } from 'uuid'

import { requests, responses } from './schemas.js'

export const connection = {}
export const remembersTokens = false

export default async function pages(app, { sql }) {
  const foodLogs = (userId) => sql`
    SELECT f.id, u.user_key, f.meal_type, f.is_healthy, f.estimated_calories, f.date, f.note, f.photo_id,
           f.analysis_id, f.content_id, f.created_at, f.updated_at,
           coalesce((
             SELECT json_agg(json_build_object(
                      'name', i.name, 'color', i.color, 'grams', i.grams, 'calories', i.calories
                    ) ORDER BY i.position)
             FROM food_ingredients i WHERE i.food_log_id = f.id
           ), '[]') AS ingredients,
           coalesce((
             SELECT json_agg(t.tagname ORDER BY t.tagname)
             FROM food_log_tag ft JOIN tags t ON t.id = ft.tag_id WHERE ft.food_log_id = f.id
           ), '[]') AS tags
    FROM food_logs f JOIN users u ON u.id = f.user_id
    WHERE f.user_id = ${userId}`

  const contents = (userId, condition, limit) => sql`
    SELECT c.id, c.url, c.title, c.content_type, c.description, c.note, c.thumbnail, c.favicon, c.bookmark, c.saved_on,
           v.video_length, p.body, c.created_at, c.updated_at,
           coalesce((
             SELECT json_agg(t.tagname ORDER BY t.tagname)
             FROM content_tag ct JOIN tags t ON t.id = ct.tag_id WHERE ct.content_id = c.id
           ), '[]') AS tags
    FROM contents c
    LEFT JOIN video_metadata v ON v.content_id = c.id
    LEFT JOIN post_metadata p ON p.content_id = c.id
    WHERE c.user_id = ${userId} ${condition}
    ORDER BY c.saved_on DESC, c.id DESC LIMIT ${limit}`

  app.get('/api/log/food/today', { schema: { response: responses.foodLogs } }, ({ user }) => sql`
    ${foodLogs(user.id)} AND f.date = (SELECT (now() AT TIME ZONE timezone)::date FROM users WHERE id = ${user.id})
    ORDER BY f.id`)

  app.get('/api/log/food', { schema: { ...requests.list, response: responses.foodLogPage } }, async (request) => {
    const { limit } = request.query
    const rows = await sql`${foodLogs(request.user.id)} ORDER BY f.date DESC, f.id DESC LIMIT ${limit + 1}`
    return page(rows, limit, (last) => [last.date, last.id])
  })

  app.get('/api/log/food/:id', { schema: { ...requests.one, response: responses.foodLog } }, async (request, reply) => {
    const [log] = await sql`${foodLogs(request.user.id)} AND f.id = ${request.params.id}`
    return log ?? reply.code(404).send()
  })

  app.post('/api/log/food', { schema: { ...requests.write, response: responses.logged } }, async (request, reply) => {
    const { ingredients, ...meal } = request.body
    const id = uuid7()
    await sql.begin(async (transaction) => {
      await transaction`
        INSERT INTO food_logs (id, user_id, meal_type, is_healthy, estimated_calories, date, note)
        VALUES (${id}, ${request.user.id}, ${meal.mealType}, ${meal.isHealthy}, ${meal.estimatedCalories},
                ${meal.date}, ${meal.note})`
      await transaction`INSERT INTO food_ingredients ${transaction(
        ingredients.map((ingredient, position) => ({ food_log_id: id, position, ...ingredient })),
        'food_log_id', 'position', 'name', 'color', 'grams', 'calories',
      )}`
    })
    return reply.code(201).send({ id, message: 'Logged.' })
  })

  const contentsOf = (condition) => async ({ params, query, user }, reply) =>
    params.userId === user.id ? contents(user.id, condition, query.limit) : reply.code(404).send()
  const listed = { schema: { ...requests.contents, response: responses.contents } }
  app.get('/api/contents/user/:userId/all', listed, contentsOf(sql``))
  app.get('/api/contents/bookmarks/user/:userId', listed, contentsOf(sql`AND c.bookmark`))

  app.get(
    '/api/tags/:tagId/contents/all',
    { schema: { ...requests.tagged, response: responses.contents } },
    ({ params, query, user }) => contents(
      user.id,
      sql`AND EXISTS (SELECT FROM content_tag ct WHERE ct.content_id = c.id AND ct.tag_id = ${params.tagId})`,
      query.limit,
    ),
  )

  app.get('/api/articles', { schema: { ...requests.articles, response: responses.articlePage } }, async (request) => {
    const { feed, limit } = request.query
    const rows = await sql`
      SELECT a.id, a.title, a.body, a.topics, json_build_object('id', u.id, 'username', u.username) AS author,
             a.item_count, a.thumbnails, a.up_count, a.down_count, a.created_at, a.updated_at,
             (SELECT count(*) FROM comments c WHERE c.article_id = a.id) AS comment_count
      FROM articles a JOIN users u ON u.id = a.user_id
      ORDER BY a.down_count DESC, a.id DESC LIMIT ${limit + 1}`
    return page(rows, limit, (last) => [feed, last.downCount, last.id])
  })
}

// A page of the rows, of which there is one more than shown if the list goes on.
function page(rows, limit, key) {
  if (rows.length <= limit) return { items: rows, nextCursor: null }
  const items = rows.slice(0, limit)
  return { items, nextCursor: Buffer.from(JSON.stringify(key(items.at(-1)))).toString('base64url') }
}
