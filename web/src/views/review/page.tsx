/* The review at an address of its own, for links from elsewhere. */
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { ReviewDialog } from "./review";

const route = getRouteApi("/p/$projectId/review");

export function ReviewPage() {
  const { projectId } = route.useParams();
  const { command, cwd, connector, feature_id, rule_id } = route.useSearch();
  const navigate = useNavigate();
  return (
    <ReviewDialog
      projectId={projectId}
      asked={{ command, cwd, connector, featureId: feature_id, ruleId: rule_id }}
      close={() => void navigate({ to: "/p/$projectId/runs", params: { projectId } })}
    />
  );
}
