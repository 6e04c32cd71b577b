package bench;

import com.fasterxml.jackson.annotation.JsonInclude;

/** One event of one person, as it flows between the two halves of the topology. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Event(String userId, String messageId, String name, long at, String campaign) {}
