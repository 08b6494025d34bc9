import { Anchor, Text, UnstyledButton } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { outlast } from '../../client.ts'
import { agentsQuery } from '../../queries/agents.ts'
import { Problem } from '../../shell/problem.tsx'
import { Failure } from '../../shell/screen.tsx'

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
          continues after a restart. Choose an agent:
        </Text>
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
          Without an API key, a built-in simulated model answers.{' '}
          <Anchor component={Link} to="/providers" size="sm">
            Add an API key
          </Anchor>{' '}
          to use real models, or{' '}
          <Anchor component={Link} to="/agents" size="sm">
            create an agent
          </Anchor>
          .
        </Text>
      </div>
    </div>
  )
}
