import { Anchor, Text, UnstyledButton } from '@mantine/core'
import type { ProviderTestResult } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { Suspense, useState } from 'react'
import { outlast } from '../../client.ts'
import { agentsQuery } from '../../queries/agents.ts'
import { useMay } from '../../queries/me.ts'
import { modelsQuery } from '../../queries/models.ts'
import { lazyPart } from '../../shell/screen/lazy-part.ts'
import { Problem } from '../../shell/screen/problem.tsx'
import { Failure } from '../../shell/screen/screen.tsx'
import { State } from '../../shell/screen/state.tsx'

const ConnectForm = lazyPart(() =>
  import('../../providers/connect-form.tsx').then((all) => ({ default: all.ConnectForm })),
)

const shownMax = 6

/** Empty state of the list: explains sessions and starts the first one. */
export function FirstRun() {
  const agents = useQuery(agentsQuery)
  const navigate = useNavigate()
  const begin = useMutation({
    mutationFn: (id: string) => outlast.sessions.create({ agent_id: id }),
    onSuccess: ({ id }) => navigate({ to: '/sessions/$sessionId', params: { sessionId: id } }),
  })
  return (
    <div className="scroll">
      <div className="first-run">
        <Text fw={600} size="lg">
          Start your first session
        </Text>
        <Text size="sm" c="dimmed">
          A session is one conversation with an agent. Outlast stores every step, so a session
          continues after a restart.
        </Text>
        <ModelAccess />
        <Text fw={600}>Choose an agent</Text>
        {agents.isError && <Failure error={agents.error} retry={agents.refetch} />}
        <div className="first-agents">
          {agents.data?.data.slice(0, shownMax).map(({ id, name, description }) => (
            <UnstyledButton
              key={id}
              className="first-agent"
              disabled={begin.isPending}
              onClick={() => begin.mutate(id)}
            >
              <Text component="span" display="block" size="sm" fw={600}>
                {name}
              </Text>
              <Text component="span" size="xs" c="dimmed" lineClamp={2}>
                {description ?? 'No description'}
              </Text>
            </UnstyledButton>
          ))}
        </div>
        <Problem error={begin.error} />
        <Text size="sm" c="dimmed">
          None fits?{' '}
          <Anchor component={Link} to="/agents" size="sm">
            Create an agent
          </Anchor>
          .
        </Text>
      </div>
    </div>
  )
}

/** Connects a provider, while only simulated models can be called. */
function ModelAccess() {
  const mayConnect = useMay('admin')
  const models = useQuery(modelsQuery)
  const [connected, setConnected] = useState<ProviderTestResult>()
  const [isOpen, setOpen] = useState(false)
  if (connected) {
    return (
      <div role="status">
        <State kind="good">
          {connected.model} responded in {connected.latency_ms} ms. The key is saved, and agents use
          this model now.
        </State>
      </div>
    )
  }
  const isSimulated = models.data?.every(
    ({ healthy, provider_type }) => !healthy || provider_type === 'llmsim',
  )
  // Stays open during the test, which may create a model for its time.
  if (isSimulated && !isOpen) setOpen(true)
  if (!isOpen) return null
  if (!mayConnect) {
    return (
      <Text size="sm" c="dimmed">
        A built-in simulated model answers, until an administrator adds an API key.
      </Text>
    )
  }
  return (
    <section aria-label="Model" className="first-model">
      <Text fw={600}>Connect a model</Text>
      <Text size="sm" c="dimmed">
        The key is tested with one small call, and stored encrypted. Without a key, a built-in
        simulated model answers: start with Guided Tour.
      </Text>
      <Suspense>
        <ConnectForm connected={setConnected} />
      </Suspense>
    </section>
  )
}
