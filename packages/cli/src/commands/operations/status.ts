import { OutlastError } from '@outlast/sdk'
import { defineCommand, type Noun } from '../../core/command.ts'

export const status: Noun = {
  '': defineCommand({
    summary: 'show the server, the user and the organization in use',
    async run({ outlast, out, url, profile, signal }) {
      const health = await outlast.health.get({ signal })
      const me = await outlast.auth.getMe({ signal })
      const org_id = profile.org_id ?? me.organization_id ?? undefined
      const org =
        org_id === undefined
          ? undefined
          : await outlast.organizations.get(org_id, { signal }).catch((error) => {
              if (error instanceof OutlastError && [403, 404].includes(error.status))
                return undefined
              throw error
            })
      await out.item(
        {
          id: me.id,
          url,
          profile: profile.name ?? null,
          health,
          user: me,
          organization: org ?? null,
        },
        {
          Server: url,
          Version: health.version,
          Database: health.database,
          'Sign-in': health.auth_mode === 'None' ? 'not required' : 'required',
          User: `${me.name ?? '-'}${me.email ? ` (${me.email})` : ''}`,
          Roles: () => me.roles?.join(', '),
          Organization: org ? `${org.name} (${org.id})` : org_id,
          Profile: profile.name ?? 'none',
        },
      )
    },
  }),
}
