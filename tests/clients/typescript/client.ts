// Registers, signs in, logs a meal and a photo, and changes a note: checked by tsc, then run against a server.
import createClient from "openapi-fetch";
import type { components, paths } from "./daybook.js";

declare const process: { argv: string[] };

type Meal = components["schemas"]["FoodLogRead"];

const baseUrl = process.argv[2]!;
const client = createClient<paths>({ baseUrl });

function answered<Data>({ data, error }: { data?: Data; error?: components["schemas"]["Problem"] }): Data {
  if (data === undefined) throw new Error(error?.detail ?? "no answer");
  return data;
}

const account = { email: "ts@example.com", password: "correct horse battery" };
answered(await client.POST("/api/users", { body: { ...account, username: "Mina", timezone: "Asia/Seoul" } }));
const { accessToken } = answered(await client.POST("/api/users/login", { body: account }));
client.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${accessToken}`);
    return request;
  },
});

const created = answered(
  await client.POST("/api/log/food", {
    params: { header: { "Idempotency-Key": "once" } },
    body: { mealType: "lunch", ingredients: [{ name: "rice", color: "teal", grams: 210 }], note: "with friends" },
  }),
);
const params = { path: { log_id: created.id } };
const before: Meal = answered(await client.GET("/api/log/food/{log_id}", { params }));
const after: Meal = answered(await client.PATCH("/api/log/food/{log_id}", { params, body: { note: "with rice" } }));

// @ts-expect-error: a path that there is not
void (() => client.GET("/api/log/foods"));
// @ts-expect-error: the day of a meal can be changed, and not taken away
void (() => client.PATCH("/api/log/food/{log_id}", { params, body: { date: null } }));

const expected: Meal = { ...before, note: "with rice", updatedAt: after.updatedAt };
if (JSON.stringify(after) !== JSON.stringify(expected)) throw new Error(JSON.stringify({ before, after }));

const page = answered(await client.GET("/api/log/food", { params: { query: { from: after.date, limit: 1 } } }));
const cursor: string | null = page.nextCursor;
if (page.items[0]?.id !== after.id || cursor !== null) throw new Error(JSON.stringify(page));
console.log("changed", after.id);
