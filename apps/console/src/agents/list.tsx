import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { outlast, sentenceOf } from '../client.ts'

export function AgentList() {
  const agents = useQuery({
    queryKey: ['agents'],
    queryFn: async ({ signal }) => await outlast.agents.list({ limit: 100 }, { signal }),
  })
  if (agents.isError) return <Text p="md">{sentenceOf(agents.error)}</Text>
  return (
    <div className="scroll">
      {agents.data?.data.map(({ id, name, description }) => (
        <div key={id} className="row">
          <Text fw={500}>{name}</Text>
          <span className="second">{description ?? id}</span>
        </div>
      ))}
    </div>
  )
}
