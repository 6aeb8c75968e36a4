import Knowledge
import ServiceKit

await ServiceRunner.main(KnowledgeService.self)
