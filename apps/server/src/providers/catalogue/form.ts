import { type Static, Type } from 'typebox'

/** US dollars per million tokens. */
const price = Type.Number({ minimum: 0, maximum: 1_000_000 })
const prices = {
  input: price,
  output: price,
  cache_read: Type.Optional(price),
  cache_write: Type.Optional(price),
}
const tokens = Type.Integer({ minimum: 0, maximum: 2_147_483_647 })
const words = Type.Array(Type.String({ maxLength: 50 }), { maxItems: 50 })
const day = Type.Optional(Type.String({ maxLength: 50 }))

/** The fields of a model of models.dev that this server uses. */
export const CatalogueModel = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 255 }),
  name: Type.String({ minLength: 1, maxLength: 255 }),
  family: Type.Optional(Type.String({ maxLength: 255 })),
  attachment: Type.Boolean(),
  reasoning: Type.Boolean(),
  reasoning_options: Type.Optional(
    Type.Array(Type.Object({ type: Type.String(), values: Type.Optional(words) }), {
      maxItems: 50,
    }),
  ),
  temperature: Type.Optional(Type.Boolean()),
  tool_call: Type.Boolean(),
  structured_output: Type.Optional(Type.Boolean()),
  open_weights: Type.Boolean(),
  knowledge: day,
  release_date: day,
  last_updated: day,
  cost: Type.Optional(
    Type.Object({
      ...prices,
      tiers: Type.Optional(
        Type.Array(
          Type.Object({ ...prices, tier: Type.Object({ type: Type.String(), size: tokens }) }),
          { maxItems: 20 },
        ),
      ),
      /** An older form of a single tier. */
      context_over_200k: Type.Optional(Type.Object(prices)),
    }),
  ),
  limit: Type.Object({ context: tokens, input: Type.Optional(tokens), output: tokens }),
  modalities: Type.Object({ input: words, output: words }),
})
export type CatalogueModel = Static<typeof CatalogueModel>

/** Vendors in the catalogue, by their names on models.dev. */
export const vendors = ['openai', 'anthropic', 'google'] as const
export type CatalogueVendor = (typeof vendors)[number]

/** The catalogue's file. `date` is the day of its creation. */
export type Catalogue = {
  date: string
  source: string
  providers: Record<CatalogueVendor, { models: Record<string, CatalogueModel> }>
}
