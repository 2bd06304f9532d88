"""describe: the content as pages that clinicians can review, its register, its flow diagram and its trace."""
