"""One machine: Kafka and Redis on loopback, and the demo that plays on them."""
