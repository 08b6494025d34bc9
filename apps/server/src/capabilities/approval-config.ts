import { type TObject, Type } from 'typebox'

const approval = Type.Optional(
  Type.Union([Type.Boolean(), Type.Array(Type.String(), { maxItems: 1_000 })], {
    title: 'Tools that require approval',
    description:
      'Tools of this capability whose calls a person must approve: true for all, or a list of tool names; by default, the policy of each tool applies.',
  }),
)

/** Adds `requires_approval` to the config of a capability. */
export function withApproval({ properties, required: _, ...options }: TObject): TObject {
  return Type.Object({ ...properties, requires_approval: approval }, options)
}
