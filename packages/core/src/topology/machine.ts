import { type MachineEnvironment, readMachine } from '../env.ts'
import { isRegionCode } from '../regions.ts'
import type { ResolveTopologyOptions } from './options.ts'
import type { ConfigurationProblems } from './problems.ts'

/** The platform's facts about this Machine, with options in place of variables where they are given. */
export function resolveMachine(options: ResolveTopologyOptions, problems: ConfigurationProblems): MachineEnvironment {
  const machine = readMachine(options.env ?? process.env)
  const region = (option: 'region' | 'primaryRegion', variable: string): string | undefined => {
    const given = options[option]?.trim() || undefined
    const code = (given ?? machine[option])?.toLowerCase()
    if (code !== undefined && !isRegionCode(code)) {
      const setting = given === undefined ? variable : option
      problems.add(setting, 'is not a region code', 'set it to three letters, such as ord')
    }
    return code
  }
  return {
    ...machine,
    region: region('region', 'FLY_REGION'),
    primaryRegion: region('primaryRegion', 'PRIMARY_REGION'),
  }
}
