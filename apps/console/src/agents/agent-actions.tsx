import { ActionIcon, Alert, Button, Menu } from '@mantine/core'
import type { Agent } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { invalidate, outlast, queryClient } from '../client.ts'
import { sentenceOf } from '../errors.ts'
import { saveBlob } from '../files/save.ts'
import { agentQuery, agentsQuery } from '../queries/agents.ts'
import { agentKeys } from '../queries/keys.ts'
import { Confirm, Failed } from '../shell/controls/confirm.tsx'
import { showToast } from '../shell/toasts/toasts.ts'
import { agentBody, agentDraft, fileNameOf, withoutMasked } from './draft.ts'

const formats = [
  { format: 'markdown', ending: 'md', label: 'Markdown' },
  { format: 'yaml', ending: 'yaml', label: 'YAML' },
  { format: 'json', ending: 'json', label: 'JSON' },
] as const

type Format = (typeof formats)[number]

/** Export, duplication and archiving of an agent. Its file alone archives an agent from a file. */
export function AgentActions({ agent }: { agent: Agent }) {
  const [isArchiving, setArchiving] = useState(false)
  const navigate = useNavigate()
  const save = useMutation({
    async mutationFn({ format, ending }: Format) {
      const content = await outlast.agents.export(agent.id, { format })
      saveBlob(new Blob([content], { type: 'text/plain' }), fileNameOf(agent.name, ending))
    },
  })
  const copy = useMutation({
    mutationFn: () =>
      outlast.agents.create({
        ...agentBody(agentDraft(agent)),
        capabilities: withoutMasked(agent.capabilities),
        name: `${agent.name.slice(0, 250)} copy`,
      }),
    onSuccess({ id }) {
      invalidate(agentKeys.lists)
      showToast('Agent duplicated')
      navigate({ to: '/agents/$agentId', params: { agentId: id } })
    },
  })
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size="md" aria-label="More actions">
            ⋯
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>Export</Menu.Label>
          {formats.map((one) => (
            <Menu.Item key={one.format} onClick={() => save.mutate(one)}>
              {one.label}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item onClick={() => navigate({ to: '/', search: { agent: agent.id } })}>
            View sessions
          </Menu.Item>
          <Menu.Item onClick={() => copy.mutate()}>Duplicate</Menu.Item>
          {agent.status === 'active' && agent.source === 'api' && (
            <Menu.Item color="var(--mantine-color-error)" onClick={() => setArchiving(true)}>
              Archive
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      {isArchiving && <Archive agent={agent} close={() => setArchiving(false)} />}
      <Failed of={[save, copy]} />
    </>
  )
}

function Archive({ agent: { id, name }, close }: { agent: Agent; close: () => void }) {
  const navigate = useNavigate()
  return (
    <Confirm
      title={`Archive ${name}?`}
      verb="Archive agent"
      close={close}
      act={async () => {
        await outlast.agents.delete(id)
        queryClient.setQueryData(agentsQuery.queryKey, (known) => {
          const data = known?.data.filter((one) => one.id !== id)
          return data && { data }
        })
        invalidate(agentKeys.lists, agentKeys.one(id))
        navigate({ to: '/agents' })
        showToast(`${name} archived`, () => restoreAgent(id))
      }}
    >
      The agent is hidden from the list and cannot start new sessions. Existing sessions continue.
      You can restore the agent on its page.
    </Confirm>
  )
}

async function restoreAgent(id: string) {
  const restored = await outlast.agents.update(id, { status: 'active' })
  queryClient.setQueryData(agentQuery(id).queryKey, restored)
  invalidate(agentKeys.lists)
}

/** Restores an archived agent. */
export function Restore({ agent }: { agent: Agent }) {
  const restore = useMutation({
    mutationFn: () => restoreAgent(agent.id),
    onSuccess: () => showToast(`${agent.name} restored`),
  })
  return (
    <Alert color="gray" title="This agent is archived">
      It cannot start new sessions.
      {restore.isError && ` ${sentenceOf(restore.error)}`}
      <div>
        <Button
          size="xs"
          mt="xs"
          variant="default"
          loading={restore.isPending}
          onClick={() => restore.mutate()}
        >
          Restore agent
        </Button>
      </div>
    </Alert>
  )
}
