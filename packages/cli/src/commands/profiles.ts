import { defineCommand, type Noun } from '../core/command.ts'
import { exitCodes, UsageError } from '../core/failure.ts'
import {
  type Credentials,
  credentialsFile,
  readCredentials,
  writeCredentials,
} from '../core/profiles.ts'
import { yesFlag } from '../input/deletion.ts'
import { confirmed } from '../input/prompt.ts'

/** Contract: throws a UsageError for a name that there is not. */
function checkName({ profiles }: Credentials, name: string): void {
  if (!Object.hasOwn(profiles, name)) throw new UsageError(`There is no profile ${name}.`)
}

const list = defineCommand({
  summary: 'saved servers; keys are not shown',
  async run({ io, out }) {
    const { profiles, current_profile } = readCredentials(io)
    const rows = Object.entries(profiles).map(([name, { url, api_key, org_id }]) => ({
      id: name,
      url,
      api_key_set: api_key !== undefined,
      org_id: org_id ?? null,
      is_current: name === current_profile,
    }))
    await out.list(
      rows,
      [
        { title: 'NAME', value: ({ id }) => id },
        { title: 'URL', value: ({ url }) => url },
        { title: 'KEY', value: ({ api_key_set }) => (api_key_set ? 'saved' : 'none') },
        { title: 'ORGANIZATION', value: ({ org_id }) => org_id },
        { title: 'IN USE', value: ({ is_current }) => (is_current ? 'yes' : '') },
      ],
      { empty: `Nothing is saved in ${credentialsFile(io)}. \`outlast login\` saves a server.` },
    )
  },
})

const use = defineCommand({
  summary: 'talks to this one from now on',
  positionals: ['<profile>'],
  async run({ io, out }, { words }) {
    const name = words[0]!
    const credentials = readCredentials(io)
    checkName(credentials, name)
    writeCredentials(io, { ...credentials, current_profile: name })
    await out.done(
      { id: name },
      `Profile ${name} (${credentials.profiles[name]!.url}) is in use now.`,
    )
  },
})

const remove = defineCommand({
  summary: 'forgets a server; a key goes on to work, `outlast logout` ends it',
  positionals: ['<profile>'],
  flags: yesFlag,
  async run({ io, out }, { words, flags }) {
    const name = words[0]!
    const credentials = readCredentials(io)
    checkName(credentials, name)
    if (!(await confirmed(io, `Forget profile ${name}?`, flags.yes))) return exitCodes.failed
    writeCredentials(io, without(credentials, name))
    await out.done({ id: name, deleted: true }, `Forgot profile ${name}.`)
  },
})

/** Contract: removing the current profile leaves none: the next one must be chosen explicitly. */
function without({ profiles, current_profile }: Credentials, name: string): Credentials {
  const { [name]: _gone, ...rest } = profiles
  const isKept = current_profile !== undefined && current_profile !== name
  return { profiles: rest, ...(isKept && { current_profile }) }
}

export const profiles: Noun = { list, use, delete: remove }
