import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { Failure, Screen } from '../shell/screen.tsx'

export function AgentList() {
  const agents = useQuery({
    queryKey: ['agents'],
    queryFn: async ({ signal }) => await outlast.agents.list({ limit: 100 }, { signal }),
  })
  return (
    <Screen title="Agents">
      {agents.isError && <Failure error={agents.error} retry={agents.refetch} />}
      <div className="scroll">
        {agents.data?.data.map(({ id, name, description }) => (
          <div key={id} className="row">
            <Text fw={500}>{name}</Text>
            <span className="second">{description ?? id}</span>
          </div>
        ))}
      </div>
    </Screen>
  )
}
