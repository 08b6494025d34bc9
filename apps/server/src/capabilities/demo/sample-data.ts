import { type Static, Type } from 'typebox'
import { defineCapability, type Mount } from '../capability.ts'
import { DirectoryPath } from '../directory-path.ts'

const users = [
  {
    id: 1,
    name: 'Marta Lindqvist',
    email: 'marta@sample.example',
    role: 'admin',
    active: true,
  },
  {
    id: 2,
    name: 'Tariq Benali',
    email: 'tariq@sample.example',
    role: 'editor',
    active: true,
  },
  {
    id: 3,
    name: 'Okello Adongo',
    email: 'okello@sample.example',
    role: 'viewer',
    active: false,
  },
]

const configYaml = `# The settings of an application that does not exist.
application:
  name: tidewater
  version: 2.4.1
  environment: staging

database:
  host: db.internal.example
  port: 5432
  name: tidewater
  pool_size: 12

features:
  dark_mode: true
  export_to_csv: true
  beta_search: false

logging:
  level: info
  format: json
  keep_days: 14
`

/** The datasets by name: the file of each, what is in it, and what that is. */
const datasets = {
  users: {
    file: 'users.json',
    about: 'three users: id, name, email, role, active',
    content: `${JSON.stringify(users, null, 2)}\n`,
  },
  config: {
    file: 'config.yaml',
    about: 'settings of an application: application, database, features, logging',
    content: configYaml,
  },
} as const

type Dataset = keyof typeof datasets
const all = Object.keys(datasets) as Dataset[]

const config = Type.Object(
  {
    path: Type.Optional(DirectoryPath('/samples', 'The directory that the files are in.')),
    datasets: Type.Optional(
      Type.Array(Type.Enum(all, { type: 'string' }), {
        maxItems: all.length,
        default: all,
        description: 'Which of them there are. README.md is always there and tells of them.',
      }),
    ),
  },
  { additionalProperties: false },
)
type Config = Static<typeof config>

const directoryOf = ({ path = '/samples' }: Config) => path

const chosenIn = ({ datasets = all }: Config) => [...new Set(datasets)]

const linesOf = (config: Config) =>
  chosenIn(config).map((name) => `- ${datasets[name].file}: ${datasets[name].about}`)

const readme = (config: Config) =>
  ['# Sample data', '', 'Invented, for trying things out. Nothing here can be changed.', '']
    .concat(linesOf(config), '')
    .join('\n')

function mountsOf(config: Config): Mount[] {
  const files = chosenIn(config).map((name) => datasets[name])
  return [...files, { file: 'README.md', content: readme(config) }].map(({ file, content }) => ({
    path: `${directoryOf(config)}/${file}`,
    content,
    isReadonly: true,
  }))
}

export const sampleData = defineCapability({
  id: 'sample_data',
  name: 'Sample Data',
  description:
    'Read-only files with invented users and settings, for trying out tools that read files.',
  category: 'Data',
  icon: 'database',
  status: 'available',
  dependencies: ['session_file_system'],
  config,
  sessionRules: { path: 'session', datasets: 'session' },
  prompt: (config) =>
    [`There is read-only sample data in ${directoryOf(config)}, told of in README.md:`]
      .concat(linesOf(config))
      .join('\n'),
  mounts: mountsOf,
})
