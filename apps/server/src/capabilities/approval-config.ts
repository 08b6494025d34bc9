import { type TObject, Type } from 'typebox'

const approval = Type.Optional(
  Type.Union([Type.Boolean(), Type.Array(Type.String(), { maxItems: 1_000 })], {
    description:
      'Which of its tools a person has to allow before each call: all, or the named ones; absent or false: those that say so.',
  }),
)

/** The config of a capability, whose tools its user may put under approval. */
export function withApproval({ properties, required: _, ...options }: TObject): TObject {
  return Type.Object({ ...properties, requires_approval: approval }, options)
}
