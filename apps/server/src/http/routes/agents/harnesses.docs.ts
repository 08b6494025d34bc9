import type { DocsTable } from '../../core/docs.ts'

export const harnessDocs = {
  list_harnesses: {
    tag: 'Agents',
    summary: 'List harnesses',
    description:
      'Returns the one built-in harness. It exists for published clients that read harnesses, and adds nothing to an agent. Requests to create, change or delete a harness get 403 `harness_built_in`.',
    sample: 'const harnesses = await outlast.harnesses.list()',
  },
  get_harness: {
    tag: 'Agents',
    summary: 'Get a harness',
    description:
      'Returns the built-in harness by its id, or by the names `base`, `generic` and `default`.',
    sample: "const harness = await outlast.harnesses.get('base')",
  },
  list_harness_examples: {
    tag: 'Agents',
    summary: 'List examples of harnesses',
    description: 'Returns an empty list: there are no harnesses to start from.',
    sample: 'const examples = await outlast.harnesses.examples()',
  },
} as const satisfies DocsTable
