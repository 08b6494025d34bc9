/** Reads agents from files and values of a project. */
import { NewAgent } from '@outlast/contract'
import type { Agent as DefinedAgent } from '../authoring/agent.ts'
import { outputSchemaOf } from '../authoring/convert-schema.ts'
import type { FileAgent } from '../authoring/project.ts'
import { checkKind } from '../authoring/resolve.ts'
import { ApiError } from '../errors.ts'
import { storable } from '../http/core/body.ts'
import { fitting } from '../http/core/validate.ts'
import { readAgentFile } from '../http/routes/agents/agent-files/read.ts'
import { nameOfFile } from './files.ts'
import { ProjectError, problemsIn } from './problems.ts'

/** Reads Markdown or YAML. Contract: throws ProjectError. */
export const agentOfFile = (text: string, file: string): FileAgent =>
  explained(file, () => {
    const { values, ignored } = readAgentFile(text, nameOfFile(file))
    return { ...agentFrom(values, file), ignored }
  })

/** Contract: throws ProjectError. */
export const agentOfValue = (agent: DefinedAgent, file: string): FileAgent =>
  explained(file, () => {
    try {
      checkKind(agent, 'agent')
    } catch (error) {
      throw new Error(`has an agent that ${(error as Error).message}.`)
    }
    return agentFrom({ ...agent, output_schema: schemaOf(agent) }, file)
  })

function schemaOf({ output_schema: schema }: DefinedAgent) {
  if (schema === undefined || schema === null) return undefined
  try {
    return outputSchemaOf(schema)
  } catch (error) {
    throw new Error(`has an output_schema that ${(error as Error).message}.`)
  }
}

function agentFrom(values: Record<string, unknown>, file: string): FileAgent {
  const { id: _, name = nameOfFile(file), ...properties } = values
  const agent = fitting(NewAgent, storable({ ...properties, name }))
  return { file, agent }
}

function explained<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof ApiError ? new ProjectError(problemsIn(file, error)) : error
  }
}
