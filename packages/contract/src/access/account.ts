import { type Static, Type } from 'typebox'
import { Timestamp, Uuid } from '../core/id.ts'
import { described, nullable, pageOf } from '../core/shape.ts'
import { AuthProvider } from './user.ts'

export const Account = Type.Object(
  {
    id: described(Uuid, 'Id of the account, which is the id of its user.'),
    email: Type.String({ description: 'E-mail address, as it was entered.' }),
    name: Type.String({ description: 'Name of the person.' }),
    auth_provider: AuthProvider,
    disabled_at: nullable(
      Timestamp,
      'Time at which the account was disabled. Null if it is enabled.',
    ),
    created_at: described(Timestamp, 'Time at which the account was created.'),
  },
  {
    title: 'Account',
    description: 'A person on this server in all organizations, as the operator sees it.',
    examples: [
      {
        id: '01933b5a-0000-7000-8000-000000000001',
        email: 'ada@example.com',
        name: 'Ada Lovelace',
        auth_provider: 'local',
        disabled_at: null,
        created_at: '2026-11-20T08:00:00.000Z',
      },
    ],
  },
)
export type Account = Static<typeof Account>
export const AccountPage = pageOf(Account, 'AccountPage')

export const AccountChange = Type.Object(
  {
    disabled: Type.Boolean({
      description:
        'True ends all sign-ins, keys, session tokens and links of the account and refuses new sign-ins. False enables the account and restores none of them.',
    }),
  },
  {
    title: 'UpdateAccountRequest',
    description: 'Whether the account is disabled.',
    examples: [{ disabled: true }],
  },
)
export type AccountChange = Static<typeof AccountChange>
