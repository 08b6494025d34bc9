import { type Static, Type } from 'typebox'
import { Timestamp } from '../core/id.ts'
import { count, described, pageOf } from '../core/shape.ts'

const times = {
  created_at: described(Timestamp, 'Time at which a text was first stored under the name.'),
  updated_at: described(Timestamp, 'Time at which it was last replaced.'),
}

export const StoredValue = Type.Object(
  {
    key: Type.String({ description: 'Name of the value, case-sensitive.', examples: ['city'] }),
    value: Type.String({ description: 'The stored text.', examples: ['Kyiv'] }),
    ...times,
  },
  { title: 'KeyValueInfo', description: 'A text that a session stores by name.' },
)
export type StoredValue = Static<typeof StoredValue>
export const StoredValuePage = pageOf(StoredValue, 'ListResponse_KeyValueInfo')

export const StoredSecret = Type.Object(
  {
    name: Type.String({
      description: 'Name of the secret, case-sensitive.',
      examples: ['crm_token'],
    }),
    ...times,
  },
  { title: 'SecretInfo', description: 'The name of a secret. No response contains its value.' },
)
export type StoredSecret = Static<typeof StoredSecret>
export const StoredSecretPage = pageOf(StoredSecret, 'ListResponse_SecretInfo')

export const SecretsToStore = Type.Object(
  {
    secrets: Type.Record(Type.String(), Type.String(), {
      minProperties: 1,
      maxProperties: 1_000,
      description:
        'Secrets by name: 1 to 1,000. A name has 1 to 255 characters, a secret at most 65,536 bytes.',
    }),
  },
  {
    title: 'BatchSetSecretsRequest',
    description: 'Secrets to store. Those with the same names are replaced.',
    examples: [{ secrets: { crm_token: 'the secret' } }],
  },
)
export type SecretsToStore = Static<typeof SecretsToStore>

export const SecretsStored = Type.Object(
  { count: count('Number of secrets that were stored.') },
  { title: 'BatchSetSecretsResponse', description: 'All secrets of the request were stored.' },
)
export type SecretsStored = Static<typeof SecretsStored>
