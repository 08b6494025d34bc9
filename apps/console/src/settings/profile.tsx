import { Button, PasswordInput, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { Refused } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { requestSignOut } from '../login/sign-out.ts'
import { authConfigQuery, meQuery } from '../queries/me.ts'
import { Skeleton } from '../shell/screen/skeleton.tsx'

/** The user's account and password. */
export function Profile() {
  const { data: me } = useQuery(meQuery)
  const { data: config } = useQuery(authConfigQuery)
  if (!me) return <Skeleton of="text" />
  return (
    <>
      <section className="section">
        <h2>{me.name}</h2>
        <dl className="facts-list">
          <dt>Email</dt>
          <dd>{me.email}</dd>
          <dt>Role</dt>
          <dd>{me.roles.join(', ') || 'None. Choose an organization first.'}</dd>
          <dt>ID</dt>
          <dd>
            <code>{me.id}</code>
          </dd>
        </dl>
        <Button size="xs" variant="default" mt="md" onClick={requestSignOut}>
          Sign out in all tabs
        </Button>
      </section>
      {config?.password_auth_enabled && <Password />}
    </>
  )
}

const emptyDraft = { current_password: '', new_password: '' }

function Password() {
  const form = useSaveForm<typeof emptyDraft, void>({
    draftOf: () => emptyDraft,
    save: (draft) => outlast.auth.changePassword(draft),
  })
  const isWrong = form.problem('invalid_login')
  return (
    <section className="section" aria-label="Password">
      <h2>Password</h2>
      <p>A new password signs you out of other browsers.</p>
      <form onSubmit={form.onSubmit}>
        <Stack gap="sm" maw={360}>
          <PasswordInput
            label="Current password"
            autoComplete="current-password"
            required
            {...form.text('current_password')}
            error={isWrong && 'Current password is incorrect.'}
          />
          <PasswordInput
            label="New password"
            description="At least 8 characters."
            autoComplete="new-password"
            minLength={8}
            maxLength={128}
            required
            {...form.text('new_password')}
          />
          <Refused form={form} />
          {form.isSaved && (
            <Text size="sm" role="status">
              Password changed.
            </Text>
          )}
          <div>
            <Button size="xs" type="submit" loading={form.isSaving}>
              Change password
            </Button>
          </div>
        </Stack>
      </form>
    </section>
  )
}
