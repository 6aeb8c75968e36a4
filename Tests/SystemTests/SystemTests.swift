import Testing

/// Tests over real processes. They share one stack and the machine's two cores, so they run one after another.
@Suite(.serialized) struct SystemTests {}
