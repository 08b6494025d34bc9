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
import { Failure } from '../shell/screen.tsx'
import { findInvitation, forgetInvitation, signInProblem } from './invitation.ts'
import { signedIn } from './login.ts'

const providerNames: Record<string, string> = {
  google: 'Google',
  github: 'GitHub',
  oidc: 'single sign-on',
}

/** Why a sign-in elsewhere did not succeed, as the address says when one comes back. */
const sentences: Record<string, string> = {
  email_not_allowed: 'Your address is not at a domain that may sign in here.',
  email_taken: 'Your address has an account here already: sign in the way you did before.',
  registration_disabled: 'Only who is invited may sign in here for the first time.',
  oauth_unavailable: 'The other service cannot be reached. Try again.',
}

const broughtBack = (): string =>
  signInProblem === null
    ? ''
    : (sentences[signInProblem] ?? 'Signing in did not succeed. Try again.')

/** It is told once, not again after a reload. */
function forgetBroughtBack(): void {
  const address = new URL(location.href)
  if (!address.searchParams.has('sign_in')) return
  address.searchParams.delete('sign_in')
  history.replaceState(history.state, '', address)
}

/** Stands in the place of everything else until somebody is signed in. */
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

/** How one can sign in here. */
function Ways({ config }: { config: AuthConfig }) {
  const { password_auth_enabled, oauth_providers } = config
  const [problem, setProblem] = useState(broughtBack)
  return (
    <>
      {password_auth_enabled ? (
        <ByPassword config={config} problem={problem} setProblem={setProblem} />
      ) : (
        <>
          <Heading>Sign in</Heading>
          {problem && <Problem>{problem}</Problem>}
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

const Problem = ({ children }: { children: ReactNode }) => (
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
  useEffect(forgetBroughtBack, [])

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
            ? 'You are invited. Use the address that the invitation was made for.'
            : 'You are invited: sign in, and you are asked whether to join.'}
        </Text>
      )}
      <Stack gap="sm">
        {isNew && <TextInput name="name" label="Name" autoComplete="name" required />}
        <TextInput
          name="email"
          type="email"
          label="E-mail"
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
        {problem && <Problem>{problem}</Problem>}
        <Button type="submit" loading={isBusy}>
          {isNew ? 'Create the account' : 'Sign in'}
        </Button>
        {(signup_enabled || invitation) && (
          <Anchor component="button" type="button" size="sm" onClick={() => setNew(!isNew)}>
            {isNew ? 'Sign in instead' : 'Create an account'}
          </Anchor>
        )}
      </Stack>
    </form>
  )
}
