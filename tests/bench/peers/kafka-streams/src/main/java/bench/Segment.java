package bench;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.time.Instant;

/** What the job reads of a Segment event; the rest is skipped. */
@JsonIgnoreProperties(ignoreUnknown = true)
public record Segment(String type, String event, String messageId, String userId, String timestamp, Context context) {
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Context(Campaign campaign) {}

    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Campaign(String name) {}

    Event normalised() {
        String name = "track".equals(type) ? event : "$" + type;
        String campaign = context == null || context.campaign == null ? null : context.campaign.name;
        return new Event(userId, messageId, name, Instant.parse(timestamp).toEpochMilli(), campaign);
    }
}
