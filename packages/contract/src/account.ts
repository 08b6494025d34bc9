import { type Static, Type } from 'typebox'
import { Timestamp, Uuid } from './id.ts'
import { nullable, pageOf } from './shape.ts'

/** A person on this server, as its operator sees them, whatever organizations they are in. */
export const Account = Type.Object(
  {
    id: Uuid,
    email: Type.String(),
    name: Type.String(),
    auth_provider: Type.String(),
    disabled_at: nullable(Timestamp),
    created_at: Timestamp,
  },
  { title: 'Account' },
)
export type Account = Static<typeof Account>
export const AccountPage = pageOf(Account, 'AccountPage')

export const AccountChange = Type.Object(
  {
    disabled: Type.Boolean({
      description: 'True ends all sign-ins and keys of the account, and refuses new sign-ins.',
    }),
  },
  { title: 'UpdateAccountRequest' },
)
export type AccountChange = Static<typeof AccountChange>
