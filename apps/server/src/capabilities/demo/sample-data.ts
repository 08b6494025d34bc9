import { type Static, Type } from 'typebox'
import { defineCapability, demoCategory, type Mount } from '../capability.ts'
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

/** The datasets by name, with file name, description and content. */
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
    path: Type.Optional(DirectoryPath('/samples', 'Directory of the files in the session')),
    datasets: Type.Optional(
      Type.Array(Type.Enum(all, { type: 'string' }), {
        maxItems: all.length,
        default: all,
        title: 'Datasets',
        description: 'Datasets to mount, beside README.md; by default all.',
      }),
    ),
  },
  { additionalProperties: false },
)
type Config = Static<typeof config>

const sampleDirectory = ({ path = '/samples' }: Config) => path

const chosenIn = ({ datasets = all }: Config) => [...new Set(datasets)]

const datasetLines = (config: Config) =>
  chosenIn(config).map((name) => `- ${datasets[name].file}: ${datasets[name].about}`)

const readme = (config: Config) =>
  ['# Sample data', '', 'Invented data for experiments. These files are read-only.', '']
    .concat(datasetLines(config), '')
    .join('\n')

function sampleMounts(config: Config): Mount[] {
  const files = chosenIn(config).map((name) => datasets[name])
  return [...files, { file: 'README.md', content: readme(config) }].map(({ file, content }) => ({
    path: `${sampleDirectory(config)}/${file}`,
    content,
    isReadonly: true,
  }))
}

export const sampleData = defineCapability({
  id: 'sample_data',
  name: 'Sample Data',
  description:
    'Read-only files with invented users and settings, for testing tools that read files.',
  category: demoCategory,
  icon: 'database',
  status: 'available',
  dependencies: ['session_file_system'],
  config,
  sessionRules: { path: 'session', datasets: 'session' },
  prompt: (config) =>
    [`There is read-only sample data in ${sampleDirectory(config)}, described in README.md:`]
      .concat(datasetLines(config))
      .join('\n'),
  mounts: sampleMounts,
})
