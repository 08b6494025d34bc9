import './login.css'
import {
  Alert,
  Anchor,
  Button,
  Center,
  Divider,
  Paper,
  PasswordInput,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core'
import type { AuthConfig } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useEffect, useState } from 'react'
import { outlast } from '../client.ts'
import { sentenceOf } from '../errors.ts'
import { authConfigQuery } from '../queries/me.ts'
import { Failure } from '../shell/screen/screen.tsx'
import { findInvitation, forgetInvitation, signInProblem } from './invitation.ts'
import { signedIn } from './login.ts'

const providerNames: Record<string, string> = {
  google: 'Google',
  github: 'GitHub',
  oidc: 'single sign-on',
}

/** Messages for error codes of an external sign-in. */
const sentences: Record<string, string> = {
  email_not_allowed: 'The domain of your email address is not allowed to sign in.',
  email_taken: 'An account with your email address exists. Sign in the way you did before.',
  registration_disabled: 'New accounts need an invitation. Ask an administrator for one.',
  oauth_unavailable: 'The sign-in service is not available. Try again.',
}

const redirectProblem = (): string =>
  signInProblem === null ? '' : (sentences[signInProblem] ?? 'Sign-in failed. Try again.')

/** Removes the error code from the URL, so that a reload does not show it again. */
function removeRedirectProblem(): void {
  const address = new URL(location.href)
  if (!address.searchParams.has('sign_in')) return
  address.searchParams.delete('sign_in')
  history.replaceState(history.state, '', address)
}

/** Replaces the page until a user has signed in. */
export function SignIn() {
  const config = useQuery(authConfigQuery)
  useEffect(() => {
    document.body.dataset.asking = ''
    return () => {
      delete document.body.dataset.asking
    }
  }, [])
  return (
    <Center component="main" mih="100dvh" p="md">
      <Paper withBorder p="xl" w={380} maw="100%">
        <Text fw={700} mb="lg">
          Outlast
        </Text>
        {config.isError && <Failure error={config.error} retry={config.refetch} />}
        {config.data && <Ways config={config.data} />}
      </Paper>
    </Center>
  )
}

/** The available sign-in methods. */
function Ways({ config }: { config: AuthConfig }) {
  const { password_auth_enabled, oauth_providers } = config
  const [problem, setProblem] = useState(redirectProblem)
  return (
    <>
      {password_auth_enabled ? (
        <ByPassword config={config} problem={problem} setProblem={setProblem} />
      ) : (
        <>
          <Heading>Sign in</Heading>
          {problem && <SignInProblem>{problem}</SignInProblem>}
        </>
      )}
      {oauth_providers.length > 0 && password_auth_enabled && <Divider label="or" my="md" />}
      <Stack gap="sm">
        {oauth_providers.map((provider) => (
          <Button
            key={provider}
            variant="default"
            component="a"
            href={outlast.auth.oauthUrl(provider)}
          >
            Continue with {providerNames[provider] ?? provider}
          </Button>
        ))}
      </Stack>
    </>
  )
}

const Heading = ({ children }: { children: ReactNode }) => (
  <Title order={1} size="h3" mb="md">
    {children}
  </Title>
)

const SignInProblem = ({ children }: { children: ReactNode }) => (
  <Alert color="red" role="alert" mb="sm">
    {children}
  </Alert>
)

type ByPasswordProps = {
  config: AuthConfig
  problem: string
  setProblem: (problem: string) => void
}

function ByPassword({ config: { signup_enabled }, problem, setProblem }: ByPasswordProps) {
  const [invitation] = useState(findInvitation)
  const [isNew, setNew] = useState(invitation !== null)
  const [isBusy, setBusy] = useState(false)
  useEffect(removeRedirectProblem, [])

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const textOf = (field: string) => String(form.get(field) ?? '')
    const login = { email: textOf('email').trim(), password: textOf('password') }
    setProblem('')
    setBusy(true)
    try {
      if (isNew) {
        const name = textOf('name').trim()
        await outlast.auth.register({ ...login, name, ...(invitation && { invitation }) })
        forgetInvitation()
      } else {
        await outlast.auth.login(login)
      }
      signedIn()
    } catch (error) {
      setProblem(sentenceOf(error))
    }
    setBusy(false)
  }

  return (
    <form onSubmit={submit}>
      <Heading>{isNew ? 'Create an account' : 'Sign in'}</Heading>
      {invitation && (
        <Text size="sm" c="dimmed" mb="sm">
          {isNew
            ? 'You have an invitation. Use the email address that was invited.'
            : 'You have an invitation. Sign in to join the organization.'}
        </Text>
      )}
      <Stack gap="sm">
        {isNew && <TextInput name="name" label="Name" autoComplete="name" required />}
        <TextInput
          name="email"
          type="email"
          label="Email"
          autoComplete="email"
          required
          autoFocus
        />
        <PasswordInput
          name="password"
          label="Password"
          description={isNew ? 'At least 8 characters.' : undefined}
          autoComplete={isNew ? 'new-password' : 'current-password'}
          required
        />
        {problem && <SignInProblem>{problem}</SignInProblem>}
        <Button type="submit" loading={isBusy}>
          {isNew ? 'Create account' : 'Sign in'}
        </Button>
        {(signup_enabled || invitation) && (
          <Anchor
            component="button"
            type="button"
            size="sm"
            onClick={() => {
              setProblem('')
              setNew(!isNew)
            }}
          >
            {isNew ? 'Sign in instead' : 'Create an account'}
          </Anchor>
        )}
      </Stack>
    </form>
  )
}
