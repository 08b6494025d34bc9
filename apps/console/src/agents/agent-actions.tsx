import { ActionIcon, Alert, Button, Group, Menu, Modal, Text } from '@mantine/core'
import type { Agent } from '@outlast/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { outlast, sentenceOf } from '../client.ts'
import { agentsQuery } from './agents-query.ts'
import { bodyOf, draftOf, withoutMasked } from './draft.ts'

const formats = [
  { format: 'markdown', ending: 'md', label: 'Markdown' },
  { format: 'yaml', ending: 'yaml', label: 'YAML' },
  { format: 'json', ending: 'json', label: 'JSON' },
] as const

type Format = (typeof formats)[number]

/** A file as if somebody had followed a link to it. */
function keepFile(name: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type: 'text/plain' }))
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  URL.revokeObjectURL(url)
}

const nameOf = (name: string) =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '') || 'agent'

/** What can be done with a whole agent. */
export function AgentActions({ agent }: { agent: Agent }) {
  const [isArchiving, setArchiving] = useState(false)
  const navigate = useNavigate()
  const client = useQueryClient()
  const save = useMutation({
    async mutationFn({ format, ending }: Format) {
      keepFile(`${nameOf(agent.name)}.${ending}`, await outlast.agents.export(agent.id, { format }))
    },
  })
  const copy = useMutation({
    mutationFn: () =>
      outlast.agents.create({
        ...bodyOf(draftOf(agent)),
        capabilities: withoutMasked(agent.capabilities),
        name: `${agent.name.slice(0, 250)} copy`,
      }),
    onSuccess({ id }) {
      client.invalidateQueries({ queryKey: ['agents'] })
      navigate({ to: '/agents/$agentId', params: { agentId: id } })
    },
  })
  const error = save.error ?? copy.error
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size="md" aria-label="More of this agent">
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
            Its sessions
          </Menu.Item>
          <Menu.Item onClick={() => copy.mutate()}>Duplicate</Menu.Item>
          {agent.status === 'active' && (
            <Menu.Item color="var(--mantine-color-error)" onClick={() => setArchiving(true)}>
              Archive
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      {isArchiving && <Archive agent={agent} close={() => setArchiving(false)} />}
      <Modal
        opened={error !== null}
        onClose={() => {
          save.reset()
          copy.reset()
        }}
        title="That did not work"
        centered
      >
        <Text size="sm" role="alert">
          {sentenceOf(error)}
        </Text>
      </Modal>
    </>
  )
}

function Archive({ agent, close }: { agent: Agent; close: () => void }) {
  const navigate = useNavigate()
  const client = useQueryClient()
  const archive = useMutation({
    mutationFn: () => outlast.agents.delete(agent.id),
    onSuccess() {
      client.setQueryData(agentsQuery.queryKey, (known) => {
        const data = known?.data.filter(({ id }) => id !== agent.id)
        return known && data && { ...known, data, total: data.length }
      })
      client.invalidateQueries({ queryKey: ['agents'] })
      client.invalidateQueries({ queryKey: ['agent', agent.id] })
      close()
      navigate({ to: '/agents' })
    },
  })
  return (
    <Modal opened onClose={close} title={`Archive ${agent.name}?`} centered>
      <Text size="sm">
        It leaves the list, and no new session can be begun with it. Its sessions go on. It can be
        brought back at its address.
      </Text>
      {archive.isError && (
        <Alert color="red" mt="md" role="alert">
          {sentenceOf(archive.error)}
        </Alert>
      )}
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={close}>
          Keep
        </Button>
        <Button color="red" loading={archive.isPending} onClick={() => archive.mutate()}>
          Archive
        </Button>
      </Group>
    </Modal>
  )
}

/** Of an archived agent: a way back. */
export function Restore({ agent }: { agent: Agent }) {
  const client = useQueryClient()
  const restore = useMutation({
    mutationFn: () => outlast.agents.update(agent.id, { status: 'active' }),
    onSuccess(restored) {
      client.setQueryData(['agent', agent.id], restored)
      client.invalidateQueries({ queryKey: ['agents'] })
    },
  })
  return (
    <Alert color="gray" title="This agent is archived">
      No new session can be begun with it.
      {restore.isError && ` ${sentenceOf(restore.error)}`}
      <div>
        <Button
          size="xs"
          mt="xs"
          variant="default"
          loading={restore.isPending}
          onClick={() => restore.mutate()}
        >
          Bring it back
        </Button>
      </div>
    </Alert>
  )
}
