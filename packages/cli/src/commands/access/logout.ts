import { OutlastError } from '@outlast/sdk'
import { clientOf } from '../../core/client.ts'
import { defineCommand, type Noun } from '../../core/command.ts'
import { UsageError } from '../../core/failure.ts'
import { currentName, readCredentials, writeCredentials } from '../../core/profiles.ts'

export const logout: Noun = {
  '': defineCommand({
    summary: 'remove the saved key of a profile; revokes a key of `outlast login`',
    async run({ io, out, given, signal }) {
      const credentials = readCredentials(io)
      const name = currentName(io, given)
      const profile = name === undefined ? undefined : credentials.profiles[name]
      if (!name || !profile?.api_key)
        throw new UsageError('You are not signed in: the profile has no key.')
      const { api_key: _key, key_id, ...rest } = profile
      if (key_id) {
        await clientOf(profile)
          .apiKeys.delete(key_id, { signal, retriesMax: 0 })
          .catch((error) => {
            if (!(error instanceof OutlastError)) throw error
            out.note(
              `The key ${key_id} could not be revoked (${error.message}). An administrator can revoke it.`,
            )
          })
      } else out.note('The key itself stays valid. `outlast keys delete` revokes it.')
      writeCredentials(io, { ...credentials, profiles: { ...credentials.profiles, [name]: rest } })
      await out.done({ id: name }, `Signed out of ${profile.url}.`)
    },
  }),
}
