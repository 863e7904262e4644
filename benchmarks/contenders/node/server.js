// `node server.js rows` or `node server.js json`: serve the pages on a free port, printed first.
//
// Settings come from the environment: DAYBOOK_SECRET_KEY, and the PG* variables that postgres.js reads by itself.

import jwt from '@fastify/jwt'
import Fastify from 'fastify'
import postgres from 'postgres'

const way = process.argv[2]
const { default: pages, connection, remembersTokens } = await import(`./${way}.js`)

const sql = postgres({
  max: 10,
  connection: { jit: 'off', TimeZone: 'UTC', ...connection },
  transform: { column: { from: postgres.toCamel } },
  types: {
    // Ids are numbers in the API, and far below 2^53.
    bigint: { to: 20, from: [20], serialize: String, parse: Number },
    // A JavaScript Date has a time of day, and no microseconds.
    date: { to: 1082, from: [1082], serialize: String, parse: String },
    instant: {
      to: 1184,
      from: [1184],
      serialize: String,
      parse: (text) => `${text.replace(' ', 'T')}:00`,
    },
  },
})

const app = Fastify({ logger: false, keepAliveTimeout: 60_000 })
app.register(jwt, {
  secret: process.env.DAYBOOK_SECRET_KEY,
  verify: { algorithms: ['HS256'], allowedIss: 'daybook', cache: remembersTokens },
  formatUser: ({ sub }) => ({ id: Number(sub) }),
})
app.addHook('onRequest', (request) => request.jwtVerify())
app.register(pages, { sql })

const address = await app.listen({ host: '127.0.0.1', port: 0 })
console.log(new URL(address).port)

process.once('SIGTERM', async () => {
  await app.close()
  await sql.end()
})
